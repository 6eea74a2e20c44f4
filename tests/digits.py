"""Small splits and recipes that several tests learn from."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from pipelines.corpora.builtin import load_builtin
from pipelines.corpora.corpus import Corpus, Split
from pipelines.drawing.pen import draw_digits
from pipelines.networks.architectures import Reader
from pipelines.training.options import TrainingOptions


@cache
def builtin() -> Corpus:
    """The corpus of that name, drawn once, since that takes seconds."""
    return load_builtin()


def drawn(count: int, seed: int = 3) -> Split:
    return Split(*draw_digits(count, seed))


def tensors(split: Split) -> tuple[Tensor, Tensor]:
    return torch.tensor(split.images), torch.tensor(split.labels).long()


def plain(**changes: Any) -> TrainingOptions:
    """A recipe without chance: no dropout, nothing augmented, and fp32 is the same on every chip."""
    return TrainingOptions(**{"network": "small", "augment": "none", "precision": "fp32", "batch": 64, **changes})


def new_reader(network: str = "small") -> Reader:
    return Reader(network, 10, mean=0.13, deviation=0.31)
