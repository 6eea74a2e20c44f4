"""The way of a part through Ray Data: a task reads it, an actor labels it and writes its rows."""

from __future__ import annotations

import io
import logging
import pickle
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, TaskPoolStrategy
from ray.util.annotations import RayDeprecationWarning

from pipelines.labeling.blocks import from_block, to_block
from pipelines.labeling.inputs import Input, Items, Stretch
from pipelines.labeling.labeler import Labeler, Reading, deadline
from pipelines.labeling.room import Room
from pipelines.labeling.rows import ERROR, REVIEW, write_part
from pipelines.labeling.run_folder import RunFolder
from pipelines.labeling.whole import write_whole

RESTARTS = 3
"""Of a task whose process died; then the parts in question are looked at alone."""


@dataclass(frozen=True)
class PartDone:
    part: int
    items: int
    review: int
    errors: int


def read_stretches(block: pa.Table, source: Input, folder: RunFolder) -> Iterator[pa.Table]:
    for packed in block["stretch"].to_pylist():
        stretch: Stretch = pickle.loads(packed)
        wanted = sorted(set(stretch.parts) - folder.done())
        parts = source.read(stretch, wanted)
        for part in wanted:
            with folder.under_way(part):
                items = next(parts)
            yield to_block(items)


class LabelParts:
    def __init__(self, reading: Reading, folder: RunFolder, seconds: float) -> None:
        self._labeler, self._folder, self._seconds = Labeler(reading), folder, seconds

    def __call__(self, block: pa.Table) -> pa.Table:
        done = [self._label(items) for items in from_block(block)]
        return pa.Table.from_pylist([part.__dict__ for part in done])

    def _label(self, items: Items) -> PartDone:
        with self._folder.under_way(items.part), deadline(self._seconds):
            return write_labelled(self._labeler, items, self._folder)


def write_labelled(labeler: Labeler, items: Items, folder: RunFolder) -> PartDone:
    labelled = labeler.label(items)
    thumbs = {"images": items.images[labelled.least_certain], "rows": labelled.least_certain}
    save_thumbs(folder, items.part, thumbs)
    write_part(folder.rows, items.part, labelled.rows, folder.kind)
    return count(items.part, labelled.rows)


def save_thumbs(folder: RunFolder, part: int, thumbs: dict[str, np.ndarray]) -> None:
    content = io.BytesIO()
    np.savez(content, images=thumbs["images"], rows=thumbs["rows"])
    write_whole(folder.uncertain / f"{part:06d}.npz", content.getvalue())


def count(part: int, rows: pa.Table) -> PartDone:
    status = rows["status"].to_pylist()
    return PartDone(part, len(status), status.count(REVIEW), status.count(ERROR))


def run_pipeline(
    source: Input, stretches: Iterable[Stretch], folder: RunFolder, reading: Reading, room: Room, seconds: float
) -> Iterator[PartDone]:
    """Each part as it is done, in any order."""
    _be_quiet()
    packed: list[Any] = [{"stretch": pickle.dumps(stretch)} for stretch in stretches]
    read = ray.data.from_items(packed, override_num_blocks=len(packed)).map_batches(
        partial(read_stretches, source=source, folder=folder),
        batch_size=None,
        batch_format="pyarrow",
        # Counted by their number and not by CPUs: when a node dies, or the pool grows, actors could take every CPU
        # there is, and wait for ever for tasks that have none left to feed them.
        compute=TaskPoolStrategy(size=room.tasks),
        num_cpus=0,
        ray_remote_args_fn=lambda: {"max_retries": RESTARTS},
    )
    pool = ActorPoolStrategy(
        min_size=room.min_actors,
        max_size=room.max_actors,
        max_tasks_in_flight_per_actor=4,
        # One part is put together or written while the engine is at work on the other.
        max_concurrent_calls_per_actor=2,
        enable_true_multi_threading=True,
    )
    labelled = read.map_batches(
        LabelParts,
        batch_size=None,
        batch_format="pyarrow",
        fn_constructor_args=(reading, folder, seconds),
        compute=pool,
        num_cpus=room.cpus,
        num_gpus=room.gpus or None,
        # One that dies is not started again in the midst of the run: what it had been given would wait for it, and for
        # ever where its node died and no other has room. The run goes on with a pool that fits into what is left.
        ray_remote_args_fn=lambda: {"max_restarts": 0, "max_task_retries": 0},
    )
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
