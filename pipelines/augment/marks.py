"""Other marks in the image: remains of lines and boxes, strokes of a neighbour, dots and dirt."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.augment.bars import bars
from pipelines.augment.chance import between

MARGIN = 1 / 7
"""A digit in the model's form leaves this much of the picture free at every side."""


def _printed(ink: Tensor, mark: Tensor) -> Tensor:
    return torch.maximum(ink, mark * between(0.35, 1.0, ink))


def _pick(like: Tensor, *choices: float) -> Tensor:
    chosen = torch.randint(len(choices), (len(like), 1, 1), device=like.device)
    return torch.tensor(choices, device=like.device)[chosen]


def _beside(ink: Tensor) -> tuple[Tensor, Tensor]:
    """How far from the picture's edge a printed line runs, mostly beside the digit, and which side that is."""
    side = ink.shape[1]
    inward = between(-0.02, MARGIN * 1.25, ink) * side
    return torch.where(torch.rand_like(inward) < 0.5, inward, side - inward), inward


def lined(ink: Tensor) -> Tensor:
    """The remains of a comb or a writing line along one side, whole or in part, hardly ever quite straight."""
    side = ink.shape[1]
    place, _ = _beside(ink)
    upright = torch.rand_like(place) < 0.6
    middle, length = between(0.1, 0.9, ink) * side, between(0.3, 2.2, ink) * side
    angle = upright * (math.pi / 2) + 0.035 * torch.randn_like(place)
    x, y = torch.where(upright, place, middle), torch.where(upright, middle, place)
    return _printed(ink, bars(ink, x, y, angle, length, between(0.8, 3.0, ink)))


def cornered(ink: Tensor) -> Tensor:
    """Two lines that meet: what is left of a box, reaching along both sides."""
    side = ink.shape[1]
    (x, _), (y, _) = _beside(ink), _beside(ink)
    width, tilt = between(0.8, 2.6, ink), 0.03 * torch.randn_like(x)
    flat, tall = between(0.1, 1.2, ink) * side, between(0.1, 1.2, ink) * side
    right, below = torch.where(x > side / 2, -flat, flat) / 2, torch.where(y > side / 2, -tall, tall) / 2
    box = torch.maximum(bars(ink, x + right, y, tilt, flat, width), bars(ink, x, y + below, tilt + 1.571, tall, width))
    return _printed(ink, box)


def underlined(ink: Tensor) -> Tensor:
    """Underline the digit by hand, below it or just through its foot."""
    side = ink.shape[1]
    y = (1 - between(0.02, MARGIN * 1.1, ink)) * side
    x, length = between(0.35, 0.65, ink) * side, between(0.3, 0.9, ink) * side
    line = bars(ink, x, y, 0.06 * torch.randn_like(x), length, between(1.5, 4.0, ink))
    return torch.maximum(ink, line * between(0.6, 1.0, ink))


def dotted(ink: Tensor) -> Tensor:
    """One to three dots anywhere: dirt, a decimal point, the pen put down."""
    side = ink.shape[1]
    for chance in (1.0, 0.5, 0.3):
        width = between(1.5, 5.5, ink) * (torch.rand(len(ink), 1, 1, device=ink.device) < chance)
        x, y = between(0.02, 0.98, ink) * side, between(0.02, 0.98, ink) * side
        ink = _printed(ink, bars(ink, x, y, between(0, 3.14, ink), between(0, 3, ink), width))
    return ink


def crowded(ink: Tensor) -> Tensor:
    """The edge of the next digit, from the left or the right."""
    side = ink.shape[1]
    step = int(torch.randint(round(0.66 * side), round(0.8 * side), ()))
    other = ink.roll(1, 0)
    left = functional.pad(other[:, :, step:], (0, step))
    right = functional.pad(other[:, :, :-step], (step, 0))
    return torch.maximum(ink, torch.where(_pick(ink, 0, 1) > 0, left, right))


def speckled(ink: Tensor) -> Tensor:
    """Grains of dust on the paper, and of paper in the ink, one to three pixels large."""
    count, side, _ = ink.shape
    coarse = torch.rand(count, side // 2, side // 2, device=ink.device)
    coarse = coarse.repeat_interleave(2, 1).repeat_interleave(2, 2)
    rare = between(0.002, 0.02, ink)
    return torch.where(coarse < rare, 1.0, torch.where(coarse > 1 - 2 * rare, 0.0, ink))
