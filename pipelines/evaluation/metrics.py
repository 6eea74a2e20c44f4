"""Metrics of a model on labelled images, from its probabilities: accuracy, loss, calibration error, confusion.

A line or two of NumPy each; scikit-learn, which lacks the calibration error, would be needed for nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.evaluation.confidence_threshold import ENOUGH, accepted_unseen

Probabilities = NDArray[np.float32]
Labels = NDArray[np.integer]

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Scores:
    count: int
    accuracy: float
    interval: tuple[float, float]
    loss: float
    per_class: list[float]
    confusion: list[list[int]]
    calibration_error: float
    accepted_share: float | None
    """None, like `accepted_above`, if there were too few images to tell."""
    accepted_above: float | None

    def as_dict(self) -> dict[str, Any]:
        """The scores for JSON, which has no NaN: the accuracy of a class without images is None."""
        return asdict(self) | {"per_class": [share if share == share else None for share in self.per_class]}

    def sentence(self) -> str:
        return format_share(self.accuracy, self.interval)


def score(probabilities: Probabilities, labels: Labels) -> Scores:
    if not len(labels):
        raise DataError("There is nothing to score: the split has no images.")
    classes = probabilities.shape[1]
    if labels.max() >= classes:
        raise DataError(f"A label is {labels.max()}, but the model knows the classes 0 to {classes - 1}.")
    read, confidence = probabilities.argmax(1), probabilities.max(1)
    right = read == labels
    confusion = np.bincount(labels.astype(int) * classes + read, minlength=classes * classes).reshape(classes, classes)
    truth = probabilities[np.arange(len(labels)), labels]
    share, threshold = accepted_unseen(confidence, right) if len(labels) >= ENOUGH else (None, None)
    return Scores(
        count=len(labels),
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), len(labels)),
        loss=float(-np.log(np.maximum(truth, 1e-12)).mean()),
        per_class=[float(row[k] / row.sum()) if row.sum() else float("nan") for k, row in enumerate(confusion)],
        confusion=confusion.tolist(),
        calibration_error=calibration_error(confidence, right),
        accepted_share=share,
        accepted_above=threshold,
    )


def wilson(successes: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson interval of a share, by default at 95 %; unlike the normal one it is sensible near 0 and 1."""
    share = successes / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5 / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def format_share(share: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{share:.2%} ({low * 100:.2f}-{high * 100:.2f})".replace("%", " %")


def calibration_error(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """The mean gap between confidence and accuracy over equal-width bins, weighted by their share."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=right.astype(float) - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(right))
