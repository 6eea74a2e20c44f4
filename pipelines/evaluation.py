"""Reading a corpus with a model and saying how well it went: numbers and pictures."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines import pictures
from pipelines.corpora.corpus import Split
from pipelines.metrics import Scores, score
from pipelines.networks import Reader


@torch.inference_mode()
def read_probabilities(reader: Reader, images: NDArray[np.uint8], batch: int = 1000) -> NDArray[np.float32]:
    parts = [reader(torch.tensor(images[start : start + batch])).softmax(1) for start in range(0, len(images), batch)]
    return torch.cat(parts).numpy() if parts else np.empty((0, 0), np.float32)


def evaluate(reader: Reader, split: Split, classes: list[str], folder: Path) -> Scores:
    """Score the split and draw what was confused, how far confidence can be trusted, and the worst misreadings."""
    probabilities = read_probabilities(reader, split.images)
    scores = score(probabilities, split.labels)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == split.labels
    folder.mkdir(parents=True, exist_ok=True)
    pictures.confusion(scores.confusion, classes, folder / "confusion.png")
    pictures.reliability(confidence, right, folder / "reliability.png")
    pictures.misreadings(split.images, split.labels, probabilities, folder / "misread.png")
    return scores


def write_history(history: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
