"""The table of augmentations: each effect of real paper and the share of images that it is applied to.

By hand, since torchvision draws one random change for a whole batch, and has neither pens nor printed lines.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.augment.chance import Effect, some
from pipelines.augment.crossing import swapped, waved
from pipelines.augment.geometry import FREE, GENTLE, STILL, warp
from pipelines.augment.marks import cornered, crowded, dotted, lined, speckled, underlined
from pipelines.augment.preparation import prepared
from pipelines.augment.scanning import blurred, coarse, compressed, cut_off, noisy, one_bit
from pipelines.augment.strokes import broken, hollow, pressed, sharper, thicker, thinner, worn
from pipelines.images import SIDE

SCAN = 2 * SIDE
LIGHT = 0.33
"""The share of a batch that is only warped gently, so that clean digits are still read as well as before."""

LOST = 0.15
"""A digit of which less than this share of its ink is left has lost its label."""


@dataclass(frozen=True)
class Step:
    family: str
    share: float
    effect: Effect


# In the order in which these happen to paper: pen, form and neighbours, scanner, preparation. Most pens that fill in
# forms are thin beside those of MNIST, and most scans of single digits have few pixels.
STEPS = (
    Step("width", 0.55, thinner),
    Step("width", 0.2, thicker),
    Step("width", 0.25, sharper),
    Step("hollow", 0.02, hollow),
    Step("pressure", 0.2, pressed),
    Step("pressure", 0.08, worn),
    Step("breaks", 0.1, broken),
    Step("neighbours", 0.06, crowded),
    Step("lines", 0.12, lined),
    Step("lines", 0.07, cornered),
    Step("lines", 0.04, underlined),
    Step("waves", 0.035, waved),
    Step("specks", 0.08, dotted),
    Step("specks", 0.06, speckled),
    Step("blur", 0.2, blurred),
    Step("resolution", 0.4, coarse),
    Step("noise", 0.2, noisy),
    Step("jpeg", 0.1, compressed),
    Step("fading", 0.2, cut_off),
    Step("onebit", 0.15, one_bit),
    Step("bands", 0.02, swapped),
)
EFFECTS = ("geometry", *dict.fromkeys(step.family for step in STEPS))


def as_from_paper(images: Tensor, without: Collection[str] = ()) -> Tensor:
    """Uint8 images [N, 28, 28] as floats from 0 to 255: the first stay clean, the others look like real paper."""
    clean = round(LIGHT * len(images))
    # In full precision even within autocast: coordinates lose their meaning when they are rounded.
    with torch.autocast(images.device.type, enabled=False):
        light = warp(images[:clean], SIDE, STILL if "geometry" in without else GENTLE) * 255
        return torch.cat([light, on_paper(images[clean:], without)])


def on_paper(images: Tensor, without: Collection[str] = ()) -> Tensor:
    drawn = warp(images, SCAN, STILL if "geometry" in without else FREE)
    ink = drawn.clone()
    for step in STEPS:
        if step.family not in without:
            some(ink, step.share, step.effect)
    return prepared(torch.where(_lost(ink, drawn), drawn, ink))


def _lost(ink: Tensor, drawn: Tensor) -> Tensor:
    """Which digits have faded so far that they have lost their label; these are drawn again without effects.

    Otherwise a lone line left on blank paper would keep its digit's label, and it looks like a 1.
    """
    left = (ink * drawn).sum((1, 2), keepdim=True)
    return left <= LOST * drawn.square().sum((1, 2), keepdim=True)
