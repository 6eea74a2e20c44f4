"""Each effect alone: it does what its name says, to each image in its own way, and stays in the range."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pipelines.augment import scanning
from pipelines.augment.chance import some
from pipelines.augment.crossing import swapped, waved
from pipelines.augment.geometry import STILL, warp
from pipelines.augment.marks import cornered, crowded, dotted, lined, underlined
from pipelines.augment.steps import SCAN, STEPS
from pipelines.augment.strokes import broken, hollow, pressed, thicker, thinner, worn
from tests.digits import drawn, tensors


def ink(count: int = 100) -> Tensor:
    return warp(tensors(drawn(count))[0], SCAN, STILL)


def changed(effect: Callable[[Tensor], Tensor], seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return effect(ink())


@pytest.mark.parametrize("effect", [step.effect for step in STEPS], ids=lambda effect: effect.__name__)
def test_an_effect_changes_ink_and_stays_in_range(effect: Callable[[Tensor], Tensor]) -> None:
    after = changed(effect)
    assert after.shape == (100, SCAN, SCAN)
    assert -1e-3 <= after.min() <= after.max() <= 1 + 1e-3
    assert ((after - ink()).abs().amax((1, 2)) > 0.05).float().mean() > 0.6
    assert torch.equal(after, changed(effect))
    assert not torch.equal(after, changed(effect, seed=1))


@pytest.mark.parametrize("effect", [thinner, pressed, worn, broken])
def test_less_ink(effect: Callable[[Tensor], Tensor]) -> None:
    ratio = changed(effect).sum((1, 2)) / ink().sum((1, 2))
    assert 0.15 < ratio.mean() < 0.97
    assert (ratio < 1.001).all()


@pytest.mark.parametrize("effect", [thicker, lined, cornered, underlined, dotted, crowded, waved])
def test_more_ink_and_none_taken_away(effect: Callable[[Tensor], Tensor]) -> None:
    after, before = changed(effect), ink()
    assert (after >= before - 1e-6).all()
    assert (after.sum((1, 2)) >= before.sum((1, 2)) - 1e-2).all()
    assert 1.02 < (after.sum((1, 2)) / before.sum((1, 2))).mean() < 3


def test_lines_leave_the_middle_of_the_picture_free() -> None:
    middle = slice(SCAN // 2 - 8, SCAN // 2 + 8)
    torch.manual_seed(0)
    alone = lined(torch.zeros(300, SCAN, SCAN))
    assert alone[:, middle, middle].max() == 0
    assert (alone.amax((1, 2)) > 0.3).float().mean() > 0.6


def test_waves_run_from_one_side_to_the_other() -> None:
    torch.manual_seed(0)
    alone = waved(torch.zeros(300, SCAN, SCAN)) > 0.1
    reach = torch.maximum(alone.any(1).float().mean(1), alone.any(2).float().mean(1))
    assert (reach > 0.9).float().mean() > 0.9


def test_a_band_of_swapped_light_is_right_again_when_swapped_again() -> None:
    twice = before = ink()
    for _ in range(2):
        torch.manual_seed(0)
        twice = swapped(twice)
    assert torch.allclose(twice, before, atol=1e-6)


def test_of_a_hollow_stroke_only_the_outline_is_left() -> None:
    block = torch.zeros(50, SCAN, SCAN)
    block[:, 15:41, 15:41] = 1
    torch.manual_seed(0)
    after = hollow(block)
    assert after[:, 20:36, 20:36].max() == 0
    assert after.amax((1, 2)).min() > 0.5


def test_few_pixels_lose_what_is_fine() -> None:
    board = torch.ones(4, SCAN, SCAN) * (torch.arange(SCAN) % 2)
    torch.manual_seed(0)
    assert scanning.coarse(board).std() < 0.6 * board.std()


def test_jpeg_keeps_a_flat_picture_and_the_digits_mostly() -> None:
    torch.manual_seed(0)
    flat = scanning.compressed(torch.full((2, SCAN, SCAN), 0.5))
    assert (flat - 0.5).abs().max() < 0.05
    after = changed(scanning.compressed)
    assert 0.001 < (after - ink()).abs().mean() < 0.05


def test_one_bit_leaves_two_levels() -> None:
    assert set(changed(scanning.one_bit).unique().tolist()) == {0.0, 1.0}


def test_only_the_share_is_hit() -> None:
    torch.manual_seed(0)
    hit = some(torch.zeros(2000, 4, 4), 0.3, lambda images: images + 1)[:, 0, 0]
    assert set(hit.tolist()) == {0.0, 1.0}
    assert 0.25 < hit.mean() < 0.35
