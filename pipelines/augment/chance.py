"""Random choices: which images an effect is applied to, and how strongly."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Effect = Callable[[Tensor], Tensor]


def between(low: float, high: float, like: Tensor, *shape: int) -> Tensor:
    """A uniform random number for each image, shaped to broadcast over it."""
    return low + (high - low) * torch.rand(len(like), *(shape or (1, 1)), device=like.device)


def some(images: Tensor, share: float, effect: Effect) -> Tensor:
    """Let the effect change a random share of the images, in place."""
    chosen = (torch.rand(len(images), device=images.device) < share).nonzero().squeeze(1)
    if len(chosen):
        images[chosen] = effect(images[chosen])
    return images
