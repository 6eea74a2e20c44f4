"""Does an engine read as the trained network does? Numbers, and a verdict."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.corpora.corpus import Split
from pipelines.inference.engines.base import Engine, Probabilities

FEWEST_IMAGES = 2000
LEAST_AGREEMENT = 0.9995
MOST_LOST = 0.001
"""The most accuracy that a type may lose that is allowed to read some images differently: int8 and bf16."""
EXACT = ("fp32", "fp16")
BATCH = 256


@dataclass(frozen=True)
class Parity:
    engine: str
    graph: str
    """The precision of the graph: fp32, fp16 or int8."""
    computes: str
    """The precision that the engine was set to compute in."""
    images: int
    agreement: float
    """The share of images that it reads as the network does."""
    largest_difference: float
    accuracy_before: float
    accuracy_after: float
    latency_ms: float
    """The median of a single image."""
    images_per_second: float
    types: dict[str, int]
    """How many layers of the built engine give each type."""

    @property
    def belongs_to_graph(self) -> bool:
        """Whether what it computes in lies in the graph. bf16 is the engine's own choice, which can be left."""
        return not self.computes.startswith("bf16")

    @property
    def refused(self) -> str | None:
        """Why it does not read well enough; None if it does."""
        lost = self.accuracy_before - self.accuracy_after
        if self.computes in EXACT and self.agreement < LEAST_AGREEMENT:
            return (
                f"{self.engine} in {self.computes} reads {self.agreement * 100:.3f} % of {self.images:,} images as the "
                f"network does; at least {LEAST_AGREEMENT * 100:.2f} % is asked for"
            )
        # In whole images: as shares, 99 % less 98.9 % is a little more than 0.1.
        if round(lost * self.images) > MOST_LOST * self.images:
            return (
                f"{self.engine} in {self.computes} loses {lost * 100:.3f} points of accuracy; "
                f"at most {MOST_LOST * 100:.1f} are allowed"
            )
        return None


def measure(engine: Engine, graph: str, types: dict[str, int], truth: Probabilities, split: Split) -> Parity:
    """Compare the engine with `truth`, the network's own probabilities for the split."""
    found = engine.run(split.images)
    return Parity(
        engine=engine.name,
        graph=graph,
        computes=engine.precision,
        images=len(split),
        agreement=float((found.argmax(1) == truth.argmax(1)).mean()),
        largest_difference=float(np.abs(found - truth).max()),
        accuracy_before=_accuracy(truth, split.labels),
        accuracy_after=_accuracy(found, split.labels),
        latency_ms=_latency(engine, split.images) * 1000,
        images_per_second=_throughput(engine, split.images),
        types=types,
    )


def _accuracy(probabilities: Probabilities, labels: NDArray[Any]) -> float:
    return float((probabilities.argmax(1) == labels).mean())


def _latency(engine: Engine, images: NDArray[np.uint8], calls: int = 100) -> float:
    seconds = []
    for index in range(calls):
        started = time.perf_counter()
        engine.run(images[index : index + 1])
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def _throughput(engine: Engine, images: NDArray[np.uint8], at_least: float = 0.5) -> float:
    """Images per second, in calls of a few batches each, as in bulk work."""
    some, seen = images[: 8 * BATCH], 0
    engine.run(some)
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < at_least:
        engine.run(some)
        seen += len(some)
    return seen / elapsed
