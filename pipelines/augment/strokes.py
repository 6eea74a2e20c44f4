"""Effects of the pen: width, pressure, gaps. Images [N, 56, 56] from 0 (paper) to 1 (ink)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.augment.bars import bars
from pipelines.augment.chance import between
from pipelines.augment.geometry import smooth_fields


def grown(ink: Tensor, ahead: bool = True) -> Tensor:
    """Strokes a pixel wider, to the right and down, or back."""
    return _by_pairs(ink, ahead, torch.maximum)


def shrunk(ink: Tensor, ahead: bool = True) -> Tensor:
    return _by_pairs(ink, ahead, torch.minimum)


def _by_pairs(ink: Tensor, ahead: bool, choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    wide = functional.pad(ink, (1, 0, 1, 0) if ahead else (0, 1, 0, 1))
    wide = choose(wide[:, 1:], wide[:, :-1])
    return choose(wide[:, :, 1:], wide[:, :, :-1])


def thicker(ink: Tensor) -> Tensor:
    """Up to a marker: by one to four pixels."""
    for chance in (1.0, 0.8, 0.6, 0.5):
        hit = torch.rand(len(ink), 1, 1, device=ink.device) < chance
        ink = torch.lerp(ink, grown(ink), hit * between(0.5, 1.0, ink))
    return ink


def thinner(ink: Tensor) -> Tensor:
    """Down to a hairline, but whole: what is as thin as can be stays, while the rest goes on."""
    ink = ((ink - 0.3) * 2.5).clamp(0, 1)
    for step, chance in enumerate((1.0, 0.95, 0.8, 0.7, 0.5, 0.4)):
        ahead = step % 2 == 0
        less = shrunk(ink, ahead)
        thinned = torch.maximum(less, ink - grown(less, not ahead))
        hit = torch.rand(len(ink), 1, 1, device=ink.device) < chance
        ink = torch.lerp(ink, thinned, hit.float())
    return torch.lerp(ink, grown(ink), (between(-0.6, 1.2, ink)).clamp(0, 1))


def sharper(ink: Tensor) -> Tensor:
    """A clear edge, at any level of the soft one."""
    return ((ink - between(0.12, 0.45, ink)) * between(1.5, 3.5, ink)).clamp(0, 1)


def pressed(ink: Tensor) -> Tensor:
    """Darker and fainter along the way, as pressure changes and a pen runs dry."""
    field = smooth_fields(len(ink), ink.shape[1], ink.device)
    strength = (between(0.35, 1.0, ink) + between(0.1, 0.5, ink) * field).clamp(0.15, 1)
    return ink * strength


def worn(ink: Tensor) -> Tensor:
    """Paper shines through in grains, as under a soft pencil or a dry pen."""
    count, side, _ = ink.shape
    grains = torch.rand(count, side, side, device=ink.device)
    return ink * (1 - between(0.2, 0.75, ink) * (grains < between(0.1, 0.45, ink)))


def broken(ink: Tensor) -> Tensor:
    """One to three narrow gaps across the strokes."""
    side = ink.shape[1]
    for chance in (1.0, 0.5, 0.3):
        width = between(1.5, 4.0, ink) * (torch.rand(len(ink), 1, 1, device=ink.device) < chance)
        x, y = between(0.2, 0.8, ink) * side, between(0.2, 0.8, ink) * side
        gap = bars(ink, x, y, between(0, 3.15, ink), between(4, 22, ink), width)
        ink = ink * (1 - gap)
    return ink


def hollow(ink: Tensor) -> Tensor:
    """Keep only the outline of each stroke, as a dry marker or an edge-enhancing scanner does."""
    outside = torch.where(torch.rand(len(ink), 1, 1, device=ink.device) < 0.5, grown(ink), grown(grown(ink), False))
    outline = outside - torch.where(torch.rand(len(ink), 1, 1, device=ink.device) < 0.7, shrunk(ink, False), ink)
    return (outline * between(1.0, 2.0, ink)).clamp(0, 1)
