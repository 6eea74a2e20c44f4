"""The way of a part through Ray Data: a task reads it, an actor labels it and writes its rows."""

from __future__ import annotations

import logging
import os
import pickle
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, TaskPoolStrategy
from ray.util.annotations import RayDeprecationWarning

from pipelines.labeling.deaths import RESTARTS
from pipelines.labeling.inputs import Input, Stretch
from pipelines.labeling.kind import Kind, Reading
from pipelines.labeling.pool import tended
from pipelines.labeling.room import Room, what_is_left
from pipelines.labeling.rows import ERROR, REVIEW
from pipelines.labeling.run_folder import RunFolder
from pipelines.nodes import all_nodes


@dataclass(frozen=True)
class PartDone:
    part: int
    items: int
    review: int
    errors: int


@dataclass(frozen=True)
class Orders:
    """What every task and actor of a run is told."""

    kind: Kind[Any]
    source: Input[Any]
    folder: RunFolder
    reading: Reading
    room: Room
    seconds: float
    """After which a part that is not labelled is given up."""


def errands(orders: Orders, stretches: Iterable[Stretch]) -> list[dict[str, bytes]]:
    """What is to be read of each stretch, settled before anything is.

    To restore what a node had that died Ray has a stretch read again, and takes the first part that then comes for the
    first that came before: what is done by then must come again.
    """
    done = orders.folder.done()
    return [{"errand": pickle.dumps((stretch, sorted(set(stretch.parts) - done)))} for stretch in stretches]


def read_stretches(block: pa.Table, orders: Orders) -> Iterator[pa.Table]:
    for packed in block["errand"].to_pylist():
        stretch, wanted = pickle.loads(packed)
        parts = orders.source.read(stretch, wanted)
        for part in wanted:
            with orders.folder.under_way(part):
                read = next(parts)
            yield orders.kind.to_block(read)


class LabelParts:
    def __init__(self, orders: Orders) -> None:
        self._orders, self._labeler = orders, orders.kind.labeler(orders.reading)

    def __call__(self, block: pa.Table) -> pa.Table:
        done = [self._label(part) for part in self._orders.kind.from_block(block)]
        return pa.Table.from_pylist([part.__dict__ for part in done])

    def _label(self, part: Any) -> PartDone:
        with self._orders.folder.under_way(part.part), deadline(self._orders.seconds):
            labelled = self._labeler.label(part)
            self._orders.folder.write(part.part, labelled.rows, labelled.files)
            return count(part.part, len(part), labelled.rows)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """What hangs inside a library cannot be stopped but with its process; Ray then starts another."""
    timer = threading.Timer(seconds, os._exit, [75])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def count(part: int, items: int, rows: pa.Table) -> PartDone:
    status = rows["status"].to_pylist()
    return PartDone(part, items, status.count(REVIEW), status.count(ERROR))


def run_pipeline(orders: Orders, stretches: Iterable[Stretch]) -> Iterator[PartDone]:
    """Each part that is not done, in any order, as it is."""
    _be_quiet()
    wanted: list[Any] = errands(orders, stretches)
    read = ray.data.from_items(wanted, override_num_blocks=len(wanted)).map_batches(
        partial(read_stretches, orders=orders),
        batch_size=None,
        batch_format="pyarrow",
        # Counted by their number and not by CPUs: when a node dies, or the pool grows, actors could take every CPU
        # there is, and wait for ever for tasks that have none left to feed them.
        compute=TaskPoolStrategy(size=orders.room.tasks),
        num_cpus=0,
        ray_remote_args_fn=lambda: {"max_retries": RESTARTS},
    )
    pool = ActorPoolStrategy(
        min_size=orders.room.min_actors,
        max_size=orders.room.max_actors,
        max_tasks_in_flight_per_actor=4,
        # One part is put together or written while the engine is at work on the other.
        max_concurrent_calls_per_actor=2,
        enable_true_multi_threading=True,
    )
    labelled = read.map_batches(
        LabelParts,
        batch_size=None,
        batch_format="pyarrow",
        fn_constructor_args=(orders,),
        compute=pool,
        num_cpus=orders.room.cpus,
        # One that dies is not started again in the midst of the run: what it had been given would wait for it, and for
        # ever where its node died and no other has room. The run goes on with a pool that fits into what is left.
        # GPUs stand here too, since beside the CPUs Ray takes them only with a batch size, and a part is never cut.
        ray_remote_args_fn=lambda: {"num_gpus": orders.room.gpus, "max_restarts": 0, "max_task_retries": 0},
    )
    # Ray would look for room for another in silence, and for ever where its node died and no other is as large.
    with tended(lambda: what_is_left(orders.room, all_nodes())):
        for batch in labelled.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            yield from (PartDone(**row) for row in cast(pa.Table, batch).to_pylist())


def _be_quiet() -> None:
    # How often a process may die can be told Ray Data in no other way yet than in the one that is to go.
    warnings.filterwarnings("ignore", message=".*ray_remote_args_fn", category=RayDeprecationWarning)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A part must arrive whole, and is never so large that it had to be cut.
    context.target_max_block_size = 1 << 30
    for name in ("ray.data", "ray.data._internal"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
