"""Turn, slant, proportions and wobble of a hand, in one sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

KNOTS = 5


@dataclass(frozen=True)
class HandVariation:
    """How far handwriting varies, as standard deviations; `wobble` and `shift` in halves of the image's side."""

    turn: float
    slant: float
    aspect: float
    smallest: float
    largest: float
    wobble: float
    shift: float


STILL = HandVariation(0, 0, 0, 1, 1, 0, 0)
GENTLE = HandVariation(math.radians(6), 0.09, 0.06, 0.92, 1.08, 0.022, 0.03)
FREE = HandVariation(math.radians(7), 0.14, 0.12, 0.72, 1.08, 0.03, 0)


def warp(images: Tensor, side: int, hand: HandVariation) -> Tensor:
    """Uint8 images as floats [N, side, side] from 0 to 1, each bent by its own random amount."""
    count, device = len(images), images.device
    turn = hand.turn * torch.randn(count, 1, 1, device=device)
    slant = hand.slant * torch.randn(count, 1, 1, device=device)
    aspect = torch.exp(hand.aspect * torch.randn(count, 1, 1, device=device))
    size = hand.smallest + (hand.largest - hand.smallest) * torch.rand(count, 1, 1, device=device)
    wide, high = aspect.sqrt() * size, size / aspect.sqrt()
    x = torch.linspace(-1 + 1 / side, 1 - 1 / side, side, device=device)
    y = x[:, None]
    cos, sin = torch.cos(turn), torch.sin(turn)
    across = (cos * x + (slant - sin) * y) / wide
    down = (sin * x + cos * y) / high
    if hand.wobble:
        strength = hand.wobble * 2 * torch.rand(count, 1, 1, 1, device=device)
        wobble = smooth_fields(2 * count, side, device).view(count, 2, side, side) * strength
        across, down = across + wobble[:, 0], down + wobble[:, 1]
    if hand.shift:
        shift = hand.shift * torch.randn(count, 1, 1, 2, device=device)
        across, down = across + shift[..., 0], down + shift[..., 1]
    grid = torch.empty(count, side, side, 2, device=device)
    grid[..., 0], grid[..., 1] = across, down
    planes = images.to(torch.float32).unsqueeze(1) / 255
    return functional.grid_sample(planes, grid, align_corners=False).squeeze(1)


def smooth_fields(count: int, side: int, device: torch.device, knots: int = KNOTS) -> Tensor:
    """Random landscapes [count, side, side] of about unit spread, through a few random heights."""
    curve = _curve(side, knots).to(device)
    return curve @ torch.randn(count, knots, knots, device=device) @ curve.T


@cache
def _curve(side: int, knots: int) -> Tensor:
    """Heights at the knots -> heights everywhere between them, smoothly."""
    places = torch.linspace(0, knots - 1, side)[:, None]
    weights = torch.exp(-((places - torch.arange(knots)) ** 2) / 0.6)
    return weights / weights.square().sum(1, keepdim=True).sqrt()
