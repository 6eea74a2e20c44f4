"""Images and their labels, as a worker holds them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pipelines.corpora.corpus import Split
from pipelines.training.ragged import Ragged


class Examples(NamedTuple):
    images: Tensor | Ragged
    labels: Tensor

    @classmethod
    def of(cls, split: Split, device: torch.device | str = "cpu") -> Examples:
        return cls(torch.tensor(split.images, device=device), torch.tensor(split.labels, device=device).long())
