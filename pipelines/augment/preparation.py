"""`images.to_model_input` in imitation, for batches: what the model is shown never comes but through it."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.augment.strokes import grown
from pipelines.images.digits import INK_SIDE, SIDE
from pipelines.images.ink import EVENING, LEAST

WEAK = 0.22
INKED = 0.3
BRIGHTEST = 10


def prepared(ink: Tensor) -> Tensor:
    """Images [N, side, side] from 0 (paper) to 1 (ink) as floats [N, 28, 28] from 0 to 255 in the model's form."""
    ink = _stretched(ink)
    weak = (ink >= WEAK).float()
    top, bottom = _ends(weak, 2)
    left, right = _ends(weak, 1)
    step = torch.maximum(bottom - top, right - left) / INK_SIDE
    rows = _places(ink.sum(2), top, bottom, step)
    columns = _places(ink.sum(1), left, right, step)
    return _bright(_sampled(ink, rows, columns)) * 255


def _stretched(ink: Tensor) -> Tensor:
    """Stretch the levels so that the usual level of ink becomes full."""
    inked = (ink > INKED * ink.amax((1, 2), keepdim=True)).float()
    full = (inked * ink).sum((1, 2), keepdim=True) / inked.sum((1, 2), keepdim=True).clamp(min=1)
    return _evened((ink / full.clamp(min=0.004)).clamp_(0, 1))


def _evened(ink: Tensor) -> Tensor:
    """Lift faint strokes nearer to the dark ones."""
    # At half the size, where it is as smooth and costs a quarter.
    half = torch.maximum(ink[:, ::2], ink[:, 1::2])
    half = torch.maximum(half[:, :, ::2], half[:, :, 1::2])
    smooth = _smoothing(half.shape[1]).to(ink.device)
    near = smooth @ grown(grown(half), ahead=False) @ smooth.T
    return (ink * near.clamp(min=LEAST).pow(-EVENING)).clamp_(0, 1)


@cache
def _smoothing(half: int) -> Tensor:
    """The mean of three along an axis, and twice as many then by interpolation, as one product."""
    means = functional.avg_pool1d(torch.eye(half)[None], 3, 1, 1, count_include_pad=False)
    return functional.interpolate(means, scale_factor=2, mode="linear")[0].T.contiguous()


def _ends(weak: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The first and last row or column with more ink than a speck has, and a pixel of margin."""
    side = weak.shape[1]
    count = weak.sum(axis)
    # A stroke of one pixel is all ink there is.
    marked = (count >= count.amax(1, keepdim=True).clamp(1, 2)).float()
    first, last = marked.argmax(1), side - marked.flip(1).argmax(1)
    return (first - 1).clamp(min=0), (last + 1).clamp(max=side)


def _places(mass: Tensor, start: Tensor, end: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """For each of the 28 pixels along an axis: where it lies in the source, and whether that is in the crop."""
    there = torch.arange(mass.shape[1], device=mass.device) + 0.5
    inside = mass * ((there > start[:, None]) & (there < end[:, None]))
    centre = (inside @ there) / inside.sum(1).clamp(min=1e-6)
    length = ((end - start) / step).round()
    offset = (13.5 - ((centre - start) / step - 0.5)).round()
    offset = torch.minimum(offset.clamp(min=0), SIDE - length)[:, None]
    pixels = torch.arange(SIDE, device=mass.device)
    shown = (pixels >= offset) & (pixels < offset + length[:, None])
    return start[:, None] + (pixels + 0.5 - offset) * step[:, None], shown.float()


def _sampled(ink: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor]) -> Tensor:
    side = ink.shape[1]
    # Twice as large as the result is, so the mean of two by two pixels is the mean over its area.
    wide = functional.pad(ink, (0, 1, 0, 1))
    wide = wide[:, 1:] + wide[:, :-1]
    mean = (wide[:, :, 1:] + wide[:, :, :-1]) / 4
    y, x = ((places[0] - 0.5) * (2 / side) - 1 for places in (rows, columns))
    grid = torch.stack([x[:, None, :].expand(-1, SIDE, -1), y[:, :, None].expand(-1, -1, SIDE)], 3)
    found = functional.grid_sample(mean[:, None], grid, align_corners=False)[:, 0]
    return found * rows[1][:, :, None] * columns[1][:, None, :]


def _bright(images: Tensor) -> Tensor:
    brightest = images.flatten(1).topk(BRIGHTEST).values.mean(1)[:, None, None]
    return (images / brightest.clamp(min=0.02)).clamp(0, 1)
