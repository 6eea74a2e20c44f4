"""What is to be learnt, from which images, and judged on which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray
import torch

from pipelines.corpora.corpus import Split
from pipelines.training.examples import Examples
from pipelines.training.options import TrainingOptions


class Material(ABC):
    """What a worker is sent: not the images themselves, but where they are."""

    @abstractmethod
    def load(self, device: torch.device) -> tuple[Examples, Examples]:
        """What is learnt from, and what was held back."""


class Task(ABC):
    options: TrainingOptions
    description: dict[str, Any]
    """The network to make."""

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are to learn from."""

    @abstractmethod
    def images(self) -> dict[str, Any]:
        """What tells them from any others."""

    @abstractmethod
    def material(self, folder: Path) -> Material:
        """Made ready for the workers, within Ray; a run's folder keeps what took time to make."""

    @abstractmethod
    def validation_examples(self, folder: Path) -> Examples:
        """What no weight was learnt from, once the run in that folder is trained."""

    def identity(self, workers: int) -> dict[str, Any]:
        """What makes a run this very one."""
        return {**asdict(self.options), "workers": workers, "images": self.images()}


@dataclass(frozen=True)
class DigitTask(Task):
    options: TrainingOptions
    description: dict[str, Any]
    training: Split
    validation: Split

    def __len__(self) -> int:
        return len(self.training)

    def images(self) -> dict[str, Any]:
        return {"training": self.training.fingerprint(), "held": self.validation.fingerprint()}

    def material(self, folder: Path) -> Material:
        arrays = (self.training.images, self.training.labels, self.validation.images, self.validation.labels)
        return _Stored([ray.put(array) for array in arrays])

    def validation_examples(self, folder: Path) -> Examples:
        return Examples.of(self.validation)


@dataclass(frozen=True)
class _Stored(Material):
    """In the object store, so that workers on one node share them."""

    references: Sequence[Any]

    def load(self, device: torch.device) -> tuple[Examples, Examples]:
        images, labels, held_images, held_labels = (ray.get(one) for one in self.references)
        return Examples.of(Split(images, labels), device), Examples.of(Split(held_images, held_labels), device)
