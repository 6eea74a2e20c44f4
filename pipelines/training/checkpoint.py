"""What a run keeps after each epoch: the weights to use, and all that is needed to go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from pipelines.errors import DataError
from pipelines.networks import Reader

WEIGHTS, RESUME, HISTORY = "weights.pt", "resume.pt", "history.json"


def save(folder: Path, description: dict[str, Any], reader: Reader, resume: dict[str, Any], history: list[Any]) -> None:
    save_weights(folder, description, reader)
    torch.save(resume, folder / RESUME)
    (folder / HISTORY).write_text(json.dumps(history))


def save_weights(folder: Path, description: dict[str, Any], reader: Reader) -> None:
    torch.save({**description, "weights": reader.state_dict()}, folder / WEIGHTS)


def load_resume(folder: Path) -> dict[str, Any]:
    return torch.load(folder / RESUME, map_location="cpu", weights_only=True)


def load_history(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / HISTORY).read_text())


def load_reader(folder: Path) -> Reader:
    """The reader of a checkpoint or a model version; nothing in the file is ever executed."""
    path = folder / WEIGHTS
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        reader = Reader(saved["network"], saved["classes"], saved["mean"], saved["deviation"])
        reader.load_state_dict(saved["weights"])
    except FileNotFoundError as error:
        raise DataError(f"{folder} holds no {WEIGHTS}, so there are no weights to load.") from error
    except Exception as error:
        # Foreign bytes make torch fail in a dozen ways, with advice that would have the file executed.
        raise DataError(f"{path} is damaged or is not a checkpoint of inkray; take another copy of it.") from error
    return reader.eval()
