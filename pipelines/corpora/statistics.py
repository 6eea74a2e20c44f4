"""What a corpus looks like in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.corpora.corpus import Split

CHUNK = 4096


@dataclass(frozen=True)
class Statistics:
    count: int
    per_class: list[int]
    ink: float
    """Share of the pixels above 0."""
    mean: float
    """Of the pixels as 0 to 1, as is `sd`."""
    sd: float
    fingerprint: str


def measure(split: Split) -> Statistics:
    histogram = _histogram(split.images)
    share = histogram / histogram.sum()
    grey = np.arange(256) / 255
    mean = float(share @ grey)
    return Statistics(
        count=len(split),
        per_class=np.bincount(split.labels, minlength=10).tolist(),
        ink=float(1 - share[0]),
        mean=mean,
        sd=float(np.sqrt(share @ (grey - mean) ** 2)),
        fingerprint=split.fingerprint(),
    )


def _histogram(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    # bincount widens to eight bytes a pixel, so a whole corpus at once would take eight times its memory.
    histogram = np.zeros(256, np.int64)
    for start in range(0, len(images), CHUNK):
        histogram += np.bincount(images[start : start + CHUNK].reshape(-1), minlength=256)
    return histogram
