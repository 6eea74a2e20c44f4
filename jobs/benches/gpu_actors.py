"""Several processes with an engine each on one GPU, as Ray places actors that ask for a fraction of it."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier

import numpy as np

from jobs.benches.gpu_contenders import open_ours
from jobs.benches.timing import speed
from pipelines.images import SIDE
from pipelines.model_folder import open_model

PATIENCE_S = 300
_together: Barrier


@dataclass(frozen=True)
class Order:
    model: Path
    engine: str
    batch: int
    seconds: float


def speed_of(actors: int, order: Order) -> float:
    """Images a second of all of them together, host to host."""
    context = get_context("spawn")
    with ProcessPoolExecutor(actors, context, _meet, (context.Barrier(actors),)) as pool:
        return sum(pool.map(_read, [order] * actors))


def _meet(barrier: Barrier) -> None:
    global _together
    _together = barrier


def _read(order: Order) -> float:
    images = np.zeros((order.batch, SIDE, SIDE), np.uint8)
    try:
        with open_ours(order.engine, open_model(order.model)) as engine:
            engine.run(images)
            _together.wait(PATIENCE_S)
            return speed(engine.run, images, order.seconds)
    except BaseException:
        # The others would wait for this one.
        _together.abort()
        raise
