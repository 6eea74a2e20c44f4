"""The confidence threshold of a model: values that reach it are accepted unseen, a person reviews the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PRECISION = 0.999
"""The share of the values accepted unseen that must be right."""
ENOUGH = 999
"""Fewer images than this cannot tell one error in a thousand, so no threshold is chosen from them."""
ACCEPT_NOTHING = float(np.nextafter(np.float32(1), np.float32(2)))
"""The threshold that accepts nothing; a confidence may be exactly 1."""


def accepted_unseen(
    confidence: NDArray[np.float32], right: NDArray[np.bool_], precision: float = PRECISION
) -> tuple[float, float]:
    """The largest share that can be accepted by a confidence threshold at this precision, and that threshold."""
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    precise = np.cumsum(right[order]) / np.arange(1, len(right) + 1) >= precision
    # A threshold cannot separate equal confidences: only the last of each run is a possible cut.
    last_of_run = np.append(sorted_confidence[1:] != sorted_confidence[:-1], True)
    cuts = np.flatnonzero(precise & last_of_run)
    if not len(cuts):
        return 0.0, ACCEPT_NOTHING
    return float((cuts[-1] + 1) / len(right)), float(sorted_confidence[cuts[-1]])


def format_accepted(share: float | None, above: float | None) -> str:
    """The share that can be accepted unseen, and from which confidence on, as text."""
    if share is None or above is None:
        return f"not known from fewer than {ENOUGH} images"
    return f"{share * 100:.1f} % (confidence {above:.4f} and above)" if above <= 1 else "none, however sure"
