"""Patterns that run across a digit: waves printed on cheques, inverted bands of a bad scan."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pipelines.augment.chance import between


def waved(ink: Tensor) -> Tensor:
    """One to three thin waves, round or jagged, side by side, at any slant."""
    side = ink.shape[1]
    along, across = _turned(ink, 0.12)
    period, height = between(0.12, 0.7, ink) * side, between(0.03, 0.15, ink) * side
    phase = along / period + between(0, 1, ink)
    turn, is_jagged = 2 * math.pi * phase, _chance(ink, 0.6)
    wave = torch.where(is_jagged, 4 * (phase - phase.round()).abs() - 1, torch.sin(turn))
    slope = torch.where(is_jagged, 4.0, 2 * math.pi * torch.cos(turn)) * height / period
    # Measured square to the wave, or it would be thick where it is steep.
    offset = (across - height * wave - between(-0.3, 0.3, ink) * side) / (1 + slope.square()).sqrt()
    width, strength = between(0.8, 2.6, ink), between(0.35, 0.95, ink)
    apart = between(0.15, 0.4, ink) * side
    for place, chance in enumerate((1.0, 0.3, 0.2)):
        line = (width / 2 + 0.5 - (offset + place * apart).abs()).clamp(0, 1) * strength
        ink = torch.maximum(ink, line * _chance(ink, chance))
    return ink


def swapped(ink: Tensor) -> Tensor:
    """A band in which light and dark are swapped."""
    side = ink.shape[1]
    _, across = _turned(ink, 0.05)
    middle, width = between(-0.25, 0.25, ink) * side, between(0.05, 0.17, ink) * side
    inside = (across - middle).abs() < width / 2
    return torch.where(inside, 1 - ink, ink)


def _turned(ink: Tensor, tilt: float) -> tuple[Tensor, Tensor]:
    """How far each place lies from the middle along a line that is mostly level, and across it."""
    side = ink.shape[1]
    angle = tilt * torch.randn(len(ink), 1, 1, device=ink.device) + ~_chance(ink, 0.7) * (math.pi / 2)
    places = torch.arange(side, device=ink.device) + 0.5 - side / 2
    cos, sin = torch.cos(angle), torch.sin(angle)
    return cos * places + sin * places[:, None], cos * places[:, None] - sin * places


def _chance(ink: Tensor, share: float) -> Tensor:
    return torch.rand(len(ink), 1, 1, device=ink.device) < share
