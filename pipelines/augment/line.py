"""A line of digits as another hand would have written it, and another pen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.augment.chance import between, some
from pipelines.augment.strokes import grown, shrunk

KNOT = 24
"""Pixels between the places at which a line is pulled about."""
WOBBLE = 1.5
"""How many pixels far."""


def as_written_again(lines: Tensor) -> Tensor:
    """Uint8 lines [N, H, W] as floats from 0 to 255."""
    with torch.autocast(lines.device.type, enabled=False):
        ink = _bent(lines.to(torch.float32) / 255)
        some(ink, 0.12, grown)
        some(ink, 0.12, _finer)
        some(ink, 0.3, _pressed)
        some(ink, 0.25, _blurred)
        return ink.pow(torch.exp(0.25 * torch.randn(len(ink), 1, 1, device=ink.device))) * 255


def _bent(ink: Tensor) -> Tensor:
    """Stretched, slanted, shifted and pulled about, a little each."""
    count, height, width = ink.shape
    device = ink.device

    def spread(deviation: float) -> Tensor:
        return deviation * torch.randn(count, 1, 1, device=device)

    x = torch.linspace(-1 + 1 / width, 1 - 1 / width, width, device=device)
    y = torch.linspace(-1 + 1 / height, 1 - 1 / height, height, device=device)[:, None]
    pulled = _landscapes(count, 2, height, width, device) * between(0, WOBBLE, ink, 1, 1, 1)
    grid = torch.empty(count, height, width, 2, device=device)
    # A line begins at the left, wherever it ends.
    grid[..., 0] = (x + 1) / spread(0.12).exp() - 1 + spread(0.12) * y * height / width + pulled[:, 0] * 2 / width
    grid[..., 1] = y / spread(0.08).exp() + spread(0.06) + pulled[:, 1] * 2 / height
    return functional.grid_sample(ink.unsqueeze(1), grid, align_corners=False).squeeze(1)


def _landscapes(count: int, each: int, height: int, width: int, device: torch.device) -> Tensor:
    knots = torch.randn(count, each, 3, max(3, width // KNOT), device=device)
    return functional.interpolate(knots, size=(height, width), mode="bicubic", align_corners=True)


def _finer(ink: Tensor) -> Tensor:
    return torch.lerp(ink, shrunk(ink), 0.65)


def _pressed(ink: Tensor) -> Tensor:
    """Fainter here and there."""
    _, height, width = ink.shape
    strength = _landscapes(len(ink), 1, height, width, ink.device)[:, 0]
    return ink * (1 - 0.7 * (strength - 0.8).clamp(0, 1))


def _blurred(ink: Tensor) -> Tensor:
    return functional.avg_pool2d(ink.unsqueeze(1), 3, 1, padding=1).squeeze(1)
