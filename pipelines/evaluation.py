"""How well a corpus was read: numbers and pictures."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from pipelines import pictures
from pipelines.corpora.corpus import Split
from pipelines.metrics import Probabilities, Scores, score


def evaluate(probabilities: Probabilities, split: Split, classes: list[str], folder: Path) -> Scores:
    """Score what was said of the split; draw what was confused, how far to trust confidence, the worst misreadings."""
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
