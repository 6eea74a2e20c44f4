"""A training task: what is learnt, from which images, and on which it is evaluated."""

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
    """What is sent to a worker: where the images are, not the images themselves."""

    @abstractmethod
    def load(self, device: torch.device) -> tuple[Examples, Examples]:
        """The training images and the held-back validation images."""


class Task(ABC):
    options: TrainingOptions
    description: dict[str, Any]
    """The arguments of the network."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of training images."""

    @abstractmethod
    def images(self) -> dict[str, Any]:
        """Fingerprints that identify the images."""

    @abstractmethod
    def material(self, folder: Path) -> Material:
        """The images for the workers; called within Ray. What takes time to make is kept in the run's folder."""

    @abstractmethod
    def validation_examples(self, folder: Path) -> Examples:
        """The held-back images, for use after the run in that folder was trained."""

    def identity(self, workers: int) -> dict[str, Any]:
        """All that identifies a run: its options, its workers and its images."""
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
    """Images in Ray's object store, so that workers on one node share them."""

    references: Sequence[Any]

    def load(self, device: torch.device) -> tuple[Examples, Examples]:
        images, labels, held_images, held_labels = (ray.get(one) for one in self.references)
        return Examples.of(Split(images, labels), device), Examples.of(Split(held_images, held_labels), device)
