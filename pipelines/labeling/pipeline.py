"""The Ray Data pipeline of a run: a task reads a shard, an actor labels it and writes its rows."""

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
from pipelines.labeling.gpus import ending_with_the_gpu
from pipelines.labeling.inputs import Input, ReadTask
from pipelines.labeling.run_folder import LabelingRunFolder
from pipelines.labeling.workload import ReaderConfig, Workload
from pipelines.ray_runtime.actor_pool import Growth, patched_actor_pool
from pipelines.ray_runtime.data import quiet_ray_data
from pipelines.ray_runtime.failures import RESTARTS
from pipelines.ray_runtime.gpus import hide_gpus
from pipelines.ray_runtime.nodes import all_nodes, free_nodes


@dataclass(frozen=True)
class ShardDone:
    shard: int
    items: int
    review: int
    errors: int


@dataclass(frozen=True)
class RunSpec:
    """The specification of a run, which every task and actor receives."""

    workload: Workload[Any]
    source: Input[Any]
    folder: LabelingRunFolder
    reader: ReaderConfig
    capacity: Capacity
    seconds: float
    """Deadline of a shard: the actor that has not labelled it by then is ended."""


def work_items(spec: RunSpec, tasks: Iterable[ReadTask]) -> list[dict[str, bytes]]:
    """The pending shards of each task, decided before anything is read.

    When a node dies, Ray runs its read tasks again and matches their outputs to the earlier ones by position, so a
    task must yield the same shards even if some of them are done by then.
    """
    done = spec.folder.done()
    return [{"work_item": pickle.dumps((task, sorted(set(task.shards) - done)))} for task in tasks]


def read_shards_of(block: pa.Table, spec: RunSpec) -> Iterator[pa.Table]:
    for packed in block["work_item"].to_pylist():
        task, pending = pickle.loads(packed)
        shards = spec.source.read(task, pending)
        for shard in pending:
            with spec.folder.under_way(shard):
                read = next(shards)
            yield spec.workload.to_block(read)


def read_in_a_task(block: pa.Table, spec: RunSpec) -> Iterator[pa.Table]:
    hide_gpus()
    yield from read_shards_of(block, spec)


class LabelShards:
    def __init__(self, spec: RunSpec) -> None:
        if not spec.capacity.gpus:
            hide_gpus()
        self._spec, self._labeler = spec, spec.workload.labeler(spec.reader)

    def __call__(self, block: pa.Table) -> pa.Table:
        done = [self._label(shard) for shard in self._spec.workload.from_block(block)]
        return pa.Table.from_pylist([shard.__dict__ for shard in done])

    def _label(self, shard: Any) -> ShardDone:
        with self._spec.folder.under_way(shard.shard), deadline(self._spec.seconds), ending_with_the_gpu():
            labelled = self._labeler.label(shard)
            self._spec.folder.write(shard.shard, labelled.rows, labelled.files)
            return count(shard.shard, len(shard), labelled.rows)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End this process after so many seconds: nothing else stops a library that hangs, and Ray starts another."""
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
    """Label the pending shards, and yield each in the order in which they finish."""
    quiet_ray_data()
    items: list[Any] = work_items(spec, tasks)
    read = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        partial(read_in_a_task, spec=spec),
        batch_size=None,
        batch_format="pyarrow",
        # Limited by number and not by CPUs: when a node dies or the pool grows, the actors could take every CPU and
        # then wait for ever for read tasks that have none left.
        compute=TaskPoolStrategy(size=min(spec.capacity.tasks, len(items))),
        num_cpus=0,
        ray_remote_args_fn=lambda: {"max_retries": RESTARTS},
    )
    pool = ActorPoolStrategy(
        min_size=spec.capacity.min_actors,
        max_size=spec.capacity.max_actors,
        max_tasks_in_flight_per_actor=4,
        # One shard is decoded or written while the engine works on the other.
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
        # An actor that dies is not restarted within the pipeline: its shards would wait for it, and for ever if its
        # node died and no other has the capacity. The run goes on with a new pool that fits into what is left.
        # GPUs stand here too, since beside the CPUs Ray takes them only with a batch size, and a shard is never cut.
        ray_remote_args_fn=lambda: {"num_gpus": spec.capacity.gpus, "max_restarts": 0, "max_task_retries": 0},
    )
    capacity = spec.capacity
    growth = Growth(lambda held: capacity.most_actors(held, free_nodes()), capacity.tasks_for)
    # Ray would silently wait for ever for a new actor if its node died and no other node is as large.
    with patched_actor_pool(lambda: remaining_capacity(capacity, all_nodes()), growth):
        for batch in labelled.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            yield from (ShardDone(**row) for row in cast(pa.Table, batch).to_pylist())
