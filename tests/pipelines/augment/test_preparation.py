from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipelines.augment.geometry import FREE, warp
from pipelines.augment.preparation import _evened, prepared
from pipelines.augment.scanning import soft
from pipelines.augment.strokes import thinner
from pipelines.images import to_model_input
from pipelines.images.digits import is_prepared
from pipelines.images.ink import EVENING, LEAST
from tests.digits import drawn, tensors


def inked(count: int, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return warp(tensors(drawn(count))[0], 56, FREE)


def really_prepared(ink: Tensor, paper: float, contrast: float) -> Tensor:
    scans = np.rint(paper - contrast * ink.numpy()).astype(np.uint8)
    return torch.tensor(to_model_input(list(scans))).float()


@pytest.mark.parametrize(("paper", "contrast"), [(255, 255), (210, 90)])
def test_it_is_like_the_preparation_of_real_images(paper: float, contrast: float) -> None:
    """Far nearer to it than the same digits are to each other where one lies a pixel beside."""
    ink = inked(200)
    # Scans of this size are smoothed first.
    imitated, real = prepared(soft(ink)), really_prepared(ink, paper, contrast)
    apart = (imitated - real).abs().mean((1, 2))
    beside = (real.roll(1, 2) - real).abs().mean((1, 2))
    assert apart.median() < 0.35 * beside.median()
    assert apart.mean() < 0.6 * beside.mean()


def test_strokes_are_evened_by_the_smoothed_level_of_what_is_darkest_nearby() -> None:
    ink = inked(20) * torch.linspace(0.2, 1, 56)
    near = functional.max_pool2d(functional.max_pool2d(ink[:, None], 2), 3, 1, 1)
    near = functional.avg_pool2d(near, 3, 1, 1, count_include_pad=False)
    near = functional.interpolate(near, scale_factor=2, mode="bilinear")[:, 0]
    torch.testing.assert_close(_evened(ink), (ink * near.clamp(min=LEAST).pow(-EVENING)).clamp(0, 1))


def test_it_gives_the_form_of_the_model() -> None:
    images = prepared(inked(300))
    assert images.shape == (300, 28, 28)
    assert 0 <= images.min() <= images.max() <= 255
    assert is_prepared(images.round().to(torch.uint8).numpy()).mean() > 0.98


def test_faint_and_small_ink_comes_out_as_strong_and_large() -> None:
    torch.manual_seed(1)
    ink = thinner(inked(50))
    faint = prepared(0.1 * ink)
    assert torch.allclose(prepared(ink), faint, atol=2)


def test_nothing_stays_nothing() -> None:
    assert prepared(torch.zeros(3, 56, 56)).abs().max() == 0
