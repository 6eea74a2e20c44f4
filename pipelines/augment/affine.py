"""Small turns, scales, shears and shifts."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

TURN = math.radians(10)
SCALE = 0.1
SHEAR = 0.15
SHIFT = 2 / 14  # of half the image's side: two pixels


def affine(images: Tensor) -> Tensor:
    """Turn, scale, shear and shift each uint8 image [N, 28, 28] by its own small random amount."""
    count = len(images)

    def spread(limit: float, *shape: int) -> Tensor:
        return (torch.rand(count, *shape, device=images.device) * 2 - 1) * limit

    turn, shear, scale = spread(TURN), spread(SHEAR), 1 + spread(SCALE, 2)
    cos, sin = torch.cos(turn), torch.sin(turn)
    matrix = torch.empty(count, 2, 3, device=images.device)
    matrix[:, 0, 0], matrix[:, 0, 1] = cos * scale[:, 0], (shear - sin) * scale[:, 0]
    matrix[:, 1, 0], matrix[:, 1, 1] = sin * scale[:, 1], cos * scale[:, 1]
    matrix[:, :, 2] = spread(SHIFT, 2)
    planes = images.to(torch.float32).unsqueeze(1)
    grid = functional.affine_grid(matrix, list(planes.shape), align_corners=False)
    return functional.grid_sample(planes, grid, align_corners=False).squeeze(1)
