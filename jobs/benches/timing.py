"""Timing of calls, the same way in every bench."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Call = Callable[[NDArray[np.uint8]], object]


def speed(call: Call, images: NDArray[np.uint8], seconds: float) -> float:
    """Images per second, measured for at least `seconds`."""
    seen, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        call(images)
        seen += len(images)
    return seen / elapsed


def median_speed(call: Call, images: NDArray[np.uint8], seconds: float, rounds: int) -> float:
    """The median speed of several rounds, after one for warm-up."""
    return statistics.median([speed(call, images, seconds) for _ in range(rounds + 1)][1:])


def median_seconds(call: Call, images: NDArray[np.uint8], seconds: float) -> float:
    """The median time of one call, over as many as fit into `seconds`."""
    speed(call, images, seconds / 4)
    each: list[float] = []
    while sum(each) < seconds:
        started = time.perf_counter()
        call(images)
        each.append(time.perf_counter() - started)
    return statistics.median(each)
