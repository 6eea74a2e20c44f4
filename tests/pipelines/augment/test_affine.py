from __future__ import annotations

import torch

from pipelines.augment import augment
from tests.digits import drawn, tensors


def seeded(seed: int, count: int = 200) -> torch.Tensor:
    torch.manual_seed(seed)
    return augment(tensors(drawn(count))[0], "affine")


def test_none_leaves_the_images_as_they_are() -> None:
    images = tensors(drawn(10))[0]
    assert augment(images, "none") is images


def test_affine_keeps_shape_range_and_roughly_the_ink() -> None:
    before, after = tensors(drawn(200))[0].float(), seeded(0)
    assert after.shape == before.shape
    assert 0 <= after.min() <= after.max() <= 255.01
    ratio = after.sum((1, 2)) / before.sum((1, 2))
    # Scaling by 0.9 to 1.1 each way changes the area by about a fifth at most; a little more is lost at the border.
    assert 0.7 < ratio.min() < ratio.max() < 1.35
    assert 0.95 < ratio.mean() < 1.05


def test_affine_moves_each_image_by_its_own_amount() -> None:
    torch.manual_seed(0)
    copies = augment(tensors(drawn(1))[0].expand(50, 28, 28), "affine")
    assert len({copy.numpy().tobytes() for copy in copies}) == 50


def test_affine_moves_ink_both_ways_by_two_pixels_at_most() -> None:
    dot = torch.zeros(500, 28, 28, dtype=torch.uint8)
    dot[:, 13:15, 13:15] = 255
    torch.manual_seed(0)
    moved = augment(dot, "affine")
    pixels = torch.arange(28.0)
    for mass in (moved.sum(1), moved.sum(2)):
        shift = (mass * pixels).sum(1) / mass.sum(1) - 13.5
        assert shift.abs().max() < 2.8
        assert shift.min() < -1.5
        assert shift.max() > 1.5


def test_affine_is_the_same_to_the_bit_under_the_same_seed() -> None:
    assert torch.equal(seeded(7), seeded(7))
    assert not torch.equal(seeded(7), seeded(8))
