"""A straight stroke with round ends, the shape of which lines, corners, dots and gaps are made."""

from __future__ import annotations

import torch
from torch import Tensor


def bars(like: Tensor, x: Tensor, y: Tensor, angle: Tensor, length: Tensor, width: Tensor) -> Tensor:
    """One bar for each image [N, side, side], with soft edges; numbers are [N, 1, 1] in pixels. Width 0 is no bar."""
    places = torch.arange(like.shape[1], device=like.device) + 0.5
    across, down = places - x, places[:, None] - y
    cos, sin = torch.cos(angle), torch.sin(angle)
    beyond = ((cos * across + sin * down).abs_() - length / 2).clamp_(min=0)
    beside = cos * down - sin * across
    distance = beyond.square_().add_(beside.square_()).sqrt_()
    return (width / 2 + 0.5 - distance).clamp_(0, 1) * (width > 0)
