"""Evaluating a model on a corpus of digits: scores, plots, corruptions, and what it refuses."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.corpora.corpus import Split
from pipelines.drawing.non_digits import JUNK, draw_junk, draw_kind
from pipelines.evaluation import plots
from pipelines.evaluation.corruptions import CORRUPTIONS, corrupted
from pipelines.evaluation.metrics import Probabilities, Scores, score

Read = Callable[[NDArray[np.uint8]], Probabilities]

KEPT = 0.995
"""The share of digits that are not refused."""
JUNK_SEED = 4_242
"""A seed that training never draws with."""


def evaluate(probabilities: Probabilities, split: Split, classes: list[str], folder: Path) -> Scores:
    """Score the probabilities of a split, and plot confusion, calibration and the worst misreadings into a folder."""
    scores = score(probabilities, split.labels)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == split.labels
    folder.mkdir(parents=True, exist_ok=True)
    plots.confusion(scores.confusion, classes, folder / "confusion.png")
    plots.reliability(confidence, right, folder / "reliability.png")
    plots.misreadings(split.images, split.labels, probabilities, classes, folder / "misread.png")
    return scores


def on_corrupted(read: Read, split: Split) -> dict[str, float]:
    """The accuracy under each corruption."""
    return {name: float((read(corrupted(split.images, name)).argmax(1) == split.labels).mean()) for name in CORRUPTIONS}


@dataclass(frozen=True)
class Refusals:
    """The share of non-digits that is refused if everything with a confidence less than `below` is refused."""

    below: float
    all: float
    by_kind: dict[str, float]


def refusals(probabilities: Probabilities, read: Read, digits: int = 10, count: int = 1000) -> Refusals:
    """Measure refusals at the confidence that keeps 99.5 % of the digits whose probabilities are given."""
    below = float(np.quantile(probabilities[:, :digits].max(1), 1 - KEPT))

    def refused(images: NDArray[np.uint8]) -> float:
        return float((read(images)[:, :digits].max(1) < below).mean())

    by_kind = {kind: refused(draw_kind(kind, count, JUNK_SEED)) for kind in JUNK}
    return Refusals(below, refused(draw_junk(4 * count, JUNK_SEED + 1)), by_kind)


def write_history(history: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
