"""The way of a shard through Ray Data: a task reads it, an actor labels it and writes its rows."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, TaskPoolStrategy

from pipelines.inference.outcome import Status
from pipelines.labeling.capacity import Capacity, remaining_capacity
from pipelines.labeling.inputs import Input, ReadTask
from pipelines.labeling.run_folder import LabelingRunFolder
from pipelines.labeling.workload import ReaderConfig, Workload
from pipelines.ray_runtime.actor_pool import patched_actor_pool
from pipelines.ray_runtime.data import quiet_ray_data
from pipelines.ray_runtime.failures import RESTARTS
from pipelines.ray_runtime.nodes import all_nodes


@dataclass(frozen=True)
class ShardDone:
    shard: int
    items: int
    review: int
    errors: int


@dataclass(frozen=True)
class RunSpec:
    """What every task and actor of a run is told."""

    workload: Workload[Any]
    source: Input[Any]
    folder: LabelingRunFolder
    reader: ReaderConfig
    capacity: Capacity
    seconds: float
    """After which a shard that is not labelled is given up."""


def work_items(spec: RunSpec, tasks: Iterable[ReadTask]) -> list[dict[str, bytes]]:
    """What is to be read of each task, decided before anything is read.

    To restore what a node had that died Ray has a task read again, and takes the first shard that then comes for the
    first that came before: what is done by then must come again.
    """
    done = spec.folder.done()
    return [{"work_item": pickle.dumps((task, sorted(set(task.shards) - done)))} for task in tasks]


def read_shards_of(block: pa.Table, spec: RunSpec) -> Iterator[pa.Table]:
    for packed in block["work_item"].to_pylist():
        task, wanted = pickle.loads(packed)
        shards = spec.source.read(task, wanted)
        for shard in wanted:
            with spec.folder.under_way(shard):
                read = next(shards)
            yield spec.workload.to_block(read)


class LabelShards:
    def __init__(self, spec: RunSpec) -> None:
        self._spec, self._labeler = spec, spec.workload.labeler(spec.reader)

    def __call__(self, block: pa.Table) -> pa.Table:
        done = [self._label(shard) for shard in self._spec.workload.from_block(block)]
        return pa.Table.from_pylist([shard.__dict__ for shard in done])

    def _label(self, shard: Any) -> ShardDone:
        with self._spec.folder.under_way(shard.shard), deadline(self._spec.seconds):
            labelled = self._labeler.label(shard)
            self._spec.folder.write(shard.shard, labelled.rows, labelled.files)
            return count(shard.shard, len(shard), labelled.rows)


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


def count(shard: int, items: int, rows: pa.Table) -> ShardDone:
    status = rows["status"].to_pylist()
    return ShardDone(shard, items, status.count(Status.REVIEW), status.count(Status.ERROR))


def run_pipeline(spec: RunSpec, tasks: Iterable[ReadTask]) -> Iterator[ShardDone]:
    """Each shard that is not done, in any order, as it is."""
    quiet_ray_data()
    wanted: list[Any] = work_items(spec, tasks)
    read = ray.data.from_items(wanted, override_num_blocks=len(wanted)).map_batches(
        partial(read_shards_of, spec=spec),
        batch_size=None,
        batch_format="pyarrow",
        # Counted by their number and not by CPUs: when a node dies, or the pool grows, actors could take every CPU
        # there is, and wait for ever for tasks that have none left to feed them.
        compute=TaskPoolStrategy(size=spec.capacity.tasks),
        num_cpus=0,
        ray_remote_args_fn=lambda: {"max_retries": RESTARTS},
    )
    pool = ActorPoolStrategy(
        min_size=spec.capacity.min_actors,
        max_size=spec.capacity.max_actors,
        max_tasks_in_flight_per_actor=4,
        # One shard is put together or written while the engine is at work on the other.
        max_concurrent_calls_per_actor=2,
        enable_true_multi_threading=True,
    )
    labelled = read.map_batches(
        LabelShards,
        batch_size=None,
        batch_format="pyarrow",
        fn_constructor_args=(spec,),
        compute=pool,
        num_cpus=spec.capacity.cpus,
        # One that dies is not started again in the midst of the run: what it had been given would wait for it, and for
        # ever where its node died and no other has room. The run goes on with a pool that fits into what is left.
        # GPUs stand here too, since beside the CPUs Ray takes them only with a batch size, and a shard is never cut.
        ray_remote_args_fn=lambda: {"num_gpus": spec.capacity.gpus, "max_restarts": 0, "max_task_retries": 0},
    )
    # Ray would look for room for another in silence, and for ever where its node died and no other is as large.
    with patched_actor_pool(lambda: remaining_capacity(spec.capacity, all_nodes())):
        for batch in labelled.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            yield from (ShardDone(**row) for row in cast(pa.Table, batch).to_pylist())
