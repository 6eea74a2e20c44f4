"""Saving the weights of a network, and loading them without executing anything in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipelines.errors import DataError
from pipelines.networks.architectures import Reader

WEIGHTS = "weights.pt"


def save_weights(folder: Path, description: dict[str, Any], reader: Reader) -> None:
    torch.save({**description, "weights": reader.state_dict()}, folder / WEIGHTS)


def load_reader(folder: Path) -> Reader:
    """Load the reader of a checkpoint or a model version; nothing in the file is ever executed."""
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
