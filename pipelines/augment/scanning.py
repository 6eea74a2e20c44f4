"""Effects of a scanner: blur, low resolution, noise, JPEG, one bit. Images [N, 56, 56] from 0 (paper) to 1 (ink)."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.augment.chance import between
from pipelines.augment.strokes import grown

# The luminance table of the JPEG standard.
LUMINANCE = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
]


def soft(ink: Tensor) -> Tensor:
    """A quarter from each side, half from the middle, along both axes."""
    for axis in (1, 2):
        frame = (0, 0, 1, 1) if axis == 1 else (1, 1)
        wide = functional.pad(ink, frame)
        side = ink.shape[axis]
        ink = (wide.narrow(axis, 0, side) + 2 * ink + wide.narrow(axis, 2, side)) / 4
    return ink


def blurred(ink: Tensor) -> Tensor:
    """Out of focus, by 0.7 to about 2 pixels."""
    for chance in (1.0, 0.8, 0.6, 0.4, 0.4, 0.3):
        hit = torch.rand(len(ink), 1, 1, device=ink.device) < chance
        ink = torch.lerp(ink, soft(ink), hit.float())
    return ink


def coarse(ink: Tensor) -> Tensor:
    """Scanned with few pixels: 14 to 32 along the side, of which the digit has about 9 to 22."""
    side = int(torch.randint(14, 33, ()))
    few = functional.interpolate(ink[:, None], size=(side, side), mode="area")
    return functional.interpolate(few, size=ink.shape[1:], mode="bilinear")[:, 0]


def cut_off(ink: Tensor) -> Tensor:
    """Drop faint ink, which the preparation takes for paper: thin strokes end early or break."""
    floor = between(0.1, 0.4, ink) * ink.amax((1, 2), keepdim=True)
    return (ink - floor).clamp(min=0)


def noisy(ink: Tensor) -> Tensor:
    """Imitate what grain and low contrast leave once the preparation has removed the paper's texture."""
    near = grown(grown(shifted_back(grown(grown((ink > 0.15).float())))))
    noise = torch.randn_like(ink) * between(0.02, 0.22, ink)
    floor = between(0.0, 0.25, ink)
    return ((ink + noise - floor) / (1 - floor)).clamp(0, 1) * near


def shifted_back(ink: Tensor) -> Tensor:
    """Shift an image that was dilated to the right and down, so that it has grown evenly to all sides."""
    return functional.pad(ink[:, 2:, 2:], (0, 2, 0, 2))


@cache
def _cosines() -> Tensor:
    """The 8x8 discrete cosine transform."""
    frequency, place = torch.arange(8.0)[:, None], torch.arange(8.0) + 0.5
    waves = torch.cos(frequency * place * math.pi / 8) / 2
    waves[0] /= math.sqrt(2)
    return waves


def compressed(ink: Tensor) -> Tensor:
    """Imitate JPEG compression of quality 8 to 50."""
    count, side, _ = ink.shape
    waves = _cosines().to(ink.device)
    blocks = ink.view(count, side // 8, 8, side // 8, 8).transpose(2, 3) * 255 - 128
    steps = torch.tensor(LUMINANCE, device=ink.device, dtype=torch.float32) * between(1.0, 6.0, ink, 1, 1, 1, 1)
    # The preparation takes paper for black whatever its level, so its rounding shall not leave any.
    steps[:, :, :, 0, 0] = 1.0
    kept = torch.round(waves @ blocks @ waves.T / steps) * steps
    pixels = (waves.T @ kept @ waves + 128) / 255
    return pixels.clamp(0, 1).transpose(2, 3).reshape(count, side, side)


def one_bit(ink: Tensor) -> Tensor:
    """Black or white, by a threshold that may eat the strokes or fatten them; of full or of half the size."""
    half = functional.avg_pool2d(ink, 2).repeat_interleave(2, 1).repeat_interleave(2, 2)
    small = torch.rand(len(ink), 1, 1, device=ink.device) < 0.5
    grain = 0.08 * torch.randn_like(ink)
    return (torch.where(small, half, ink + grain) > between(0.25, 0.6, ink)).float()
