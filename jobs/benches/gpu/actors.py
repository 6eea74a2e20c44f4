"""Several processes with an engine each on one GPU, as Ray places actors that ask for a fraction of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import NamedTuple

import numpy as np

from jobs.benches.gpu.contenders import open_ours
from jobs.benches.timing import speed
from pipelines.images import SIDE
from pipelines.models.folder import open_model

PATIENCE_S = 300
_together: Barrier


@dataclass(frozen=True)
class ActorSpec:
    model: Path
    engine: str
    batch: int
    seconds: float


class Speed(NamedTuple):
    precision: str
    images_per_second: float


def speed_of(specs: Sequence[ActorSpec]) -> Speed:
    """The total speed of one actor for each spec, running together, from host to host."""
    context = get_context("spawn")
    with ProcessPoolExecutor(len(specs), context, _start_together, (context.Barrier(len(specs)),)) as pool:
        actors = [pool.submit(_read, spec) for spec in specs]
    if errors := [error for actor in actors if (error := actor.exception())]:
        # An actor that fails breaks the barrier for the others, whose errors say nothing.
        raise min(errors, key=lambda error: isinstance(error, BrokenBarrierError))
    speeds = [actor.result() for actor in actors]
    return Speed(speeds[0].precision, sum(one.images_per_second for one in speeds))


def _start_together(barrier: Barrier) -> None:
    global _together
    _together = barrier


def _read(spec: ActorSpec) -> Speed:
    images = np.zeros((spec.batch, SIDE, SIDE), np.uint8)
    try:
        with open_ours(spec.engine, open_model(spec.model)) as engine:
            engine.run(images)
            _together.wait(PATIENCE_S)
            return Speed(engine.precision, speed(engine.run, images, spec.seconds))
    except BaseException:
        # The others would wait for this one.
        _together.abort()
        raise
