"""The losses: cross-entropy for single digits, CTC for lines of digits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

PADDING = -1
"""Fills the labels [N, most] behind the digits of a line that has fewer than others."""


def mean_loss(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    if _are_lines(logits):
        return _ctc_losses(logits, labels).mean()
    return functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


def summed_loss(logits: Tensor, labels: Tensor) -> Tensor:
    if _are_lines(logits):
        return _ctc_losses(logits, labels).sum()
    return functional.cross_entropy(logits.float(), labels, reduction="sum")


def count_right(logits: Tensor, labels: Tensor) -> Tensor:
    if _are_lines(logits):
        return (_greedy_decoded(logits, labels.shape[1]) == labels).all(1).sum()
    return (logits.argmax(1) == labels).sum()


def _are_lines(logits: Tensor) -> bool:
    return logits.ndim == 3


def _ctc_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """The CTC loss of each line; a line with too few frames for its digits has loss 0 and teaches nothing."""
    lines, frames, classes = logits.shape
    log_probabilities = logits.float().log_softmax(-1).transpose(0, 1)
    lengths, frames_of = (labels != PADDING).sum(1), torch.full((lines,), frames)
    return functional.ctc_loss(
        log_probabilities,
        labels.clamp(min=0),
        frames_of,
        lengths,
        blank=classes - 1,
        reduction="none",
        zero_infinity=True,
    )


def _greedy_decoded(logits: Tensor, most: int) -> Tensor:
    """Greedy decoding to [N, most] digits; a reading with more digits equals no label."""
    best = logits.argmax(-1)
    begins = best != logits.shape[-1] - 1
    begins[:, 1:] &= best[:, 1:] != best[:, :-1]
    places = begins.cumsum(1) - 1
    spelt = torch.full((len(best), most + 2), PADDING, dtype=best.dtype, device=best.device)
    # What does not begin a digit, and what is too many, falls into the last two places.
    places = torch.where(begins, places.clamp(max=most), most + 1)
    spelt.scatter_(1, places, best)
    return torch.where(spelt[:, most : most + 1] == PADDING, spelt[:, :most], PADDING - 1)
