"""What a run keeps after each epoch: the weights to use, and all that is needed to go on."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipelines.networks.architectures import Reader
from pipelines.networks.weights import load_reader, save_weights

RESUME, HISTORY = "resume.pt", "history.json"


@dataclass(frozen=True)
class SavedCheckpoint:
    """A whole checkpoint: where it lies, and the epochs up to it."""

    folder: Path
    history: list[dict[str, Any]]

    @property
    def score(self) -> tuple[float, float]:
        """More right is better, and among equals the smaller loss."""
        row = self.history[-1]
        return row["val_accuracy"], -row["val_loss"]


def save(folder: Path, description: dict[str, Any], reader: Reader, resume: dict[str, Any], history: list[Any]) -> None:
    save_weights(folder, description, reader)
    torch.save(resume, folder / RESUME)
    (folder / HISTORY).write_text(json.dumps(history))


def load_resume(folder: Path) -> dict[str, Any]:
    return torch.load(folder / RESUME, map_location="cpu", weights_only=True)


def load_history(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / HISTORY).read_text())


def whole_checkpoints(folder: Path) -> list[SavedCheckpoint]:
    """The whole ones in here, the newest last; what was cut off when a process was killed is passed over."""
    found = []
    for one in folder.glob("checkpoint_*"):
        # Foreign bytes make torch fail in a dozen ways.
        with suppress(Exception):
            load_reader(one), load_resume(one)
            found.append(SavedCheckpoint(one, load_history(one)))
    return sorted(found, key=lambda one: len(one.history))
