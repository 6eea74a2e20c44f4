"""Evaluating a model of lines: the share of whole numbers read exactly, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.evaluation.confidence_threshold import ENOUGH, accepted_unseen
from pipelines.evaluation.metrics import calibration_error, format_share, wilson
from pipelines.strings.ctc import Value

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class LineScores:
    count: int
    accuracy: float
    """The share of lines read exactly."""
    interval: tuple[float, float]
    calibration_error: float
    accepted_share: float | None
    """None, like `accepted_above`, if there were too few lines to tell."""
    accepted_above: float | None
    nothing_read: float | None
    """The share of lines without a number in which none is read; None if there was no such line."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        return format_share(self.accuracy, self.interval)


def score_lines(readings: Sequence[Value], truths: Sequence[str]) -> LineScores:
    if not readings:
        raise DataError("There is nothing to score: there are no lines.")
    right = np.array([reading.digits == truth for reading, truth in zip(readings, truths, strict=True)])
    confidence = np.array([reading.probability for reading in readings], np.float32).clip(0, 1)
    share, threshold = accepted_unseen(confidence, right) if len(right) >= ENOUGH else (None, None)
    empty = right[[not truth for truth in truths]]
    return LineScores(
        count=len(right),
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), len(right)),
        calibration_error=calibration_error(confidence, right),
        accepted_share=share,
        accepted_above=threshold,
        nothing_read=float(empty.mean()) if len(empty) else None,
    )
