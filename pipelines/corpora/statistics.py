"""Statistics of a corpus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.corpora.corpus import Split

CHUNK = 4096


@dataclass(frozen=True)
class Statistics:
    count: int
    per_class: list[int]
    ink: float
    """The share of the pixels above 0."""
    mean: float
    """The mean of the pixels, scaled to 0 to 1."""
    sd: float
    """The standard deviation of the pixels, scaled to 0 to 1."""
    fingerprint: str


class Brightness(NamedTuple):
    ink: float
    mean: float
    sd: float


def measure(split: Split) -> Statistics:
    return Statistics(
        count=len(split),
        per_class=np.bincount(split.labels, minlength=10).tolist(),
        **brightness(split.images)._asdict(),
        fingerprint=split.fingerprint(),
    )


def brightness(images: NDArray[np.uint8]) -> Brightness:
    """The share of ink, the mean and the standard deviation, as in `Statistics`."""
    histogram = _histogram(images)
    share = histogram / histogram.sum()
    grey = np.arange(256) / 255
    mean = float(share @ grey)
    return Brightness(float(1 - share[0]), mean, float(np.sqrt(share @ (grey - mean) ** 2)))


def _histogram(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    # bincount widens each pixel to eight bytes, so a whole corpus at once would take eight times its memory.
    histogram = np.zeros(256, np.int64)
    for start in range(0, len(images), CHUNK):
        histogram += np.bincount(images[start : start + CHUNK].reshape(-1), minlength=256)
    return histogram
