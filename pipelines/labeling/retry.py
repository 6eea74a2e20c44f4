"""Shards in which a process died, retried in isolation: the item that ends its process becomes an error row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import GetTimeoutError, RayActorError

from pipelines.inference.outcome import Reason, ReasonCode, Status, reason_columns
from pipelines.labeling.capacity import remaining_capacity
from pipelines.labeling.gpus import ending_with_the_gpu, lost
from pipelines.labeling.inputs import ReadTask
from pipelines.labeling.inputs.kept_columns import beside
from pipelines.labeling.pipeline import RunSpec, ShardDone, count
from pipelines.labeling.workload import LabelledShard
from pipelines.ray_runtime.failures import PROCESS_DIED, RESTARTS
from pipelines.ray_runtime.gpus import hide_gpus
from pipelines.ray_runtime.last_words import last_words
from pipelines.ray_runtime.nodes import all_nodes

UNTOLD = "crashed, killed, or out of memory"
LOOK_S = 10.0
"""Seconds between two checks that some node can still hold the actor."""


class IsolatedWorker:
    """Reads and labels some items of a shard in a process of its own, which may die of them."""

    def __init__(self, spec: RunSpec) -> None:
        if not spec.capacity.gpus:
            hide_gpus()
        self._spec, self._labeler = spec, spec.workload.labeler(spec.reader)

    def label(self, task: ReadTask, shard: int, start: int, end: int) -> LabelledShard:
        with self._spec.folder.under_way(shard), ending_with_the_gpu():
            [read] = self._spec.source.read(task, {shard}, slice(start, end))
            return self._labeler.label(read, start)


class Isolation:
    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._actor: Any = None

    def label(self, task: ReadTask, shard: int) -> ShardDone:
        pieces = list(self._pieces(task, shard, 0, task.size(shard)))
        rows = _with_engine(pa.concat_tables(piece.rows for piece in pieces))
        files = {name: content for piece in pieces for name, content in piece.files.items()}
        self._spec.folder.write(shard, rows, files)
        return count(shard, task.size(shard), rows)

    def close(self) -> None:
        if self._actor is not None:
            ray.kill(self._actor)
            self._actor = None

    def _pieces(self, task: ReadTask, shard: int, start: int, end: int) -> Iterator[LabelledShard]:
        """Bisect: all items if the process survives them, else each half, down to the single item that kills it."""
        labelled = self._try(task, shard, start, end)
        if isinstance(labelled, LabelledShard):
            yield labelled
        elif end - start == 1:
            yield self._lost(task, shard, start, labelled)
        else:
            middle = (start + end) // 2
            yield from self._pieces(task, shard, start, middle)
            yield from self._pieces(task, shard, middle, end)

    def _try(self, task: ReadTask, shard: int, start: int, end: int) -> LabelledShard | Reason:
        """The rows, or the reason why the process ended."""
        if self._actor is None:
            self._actor = self._started()
        try:
            return ray.get(self._actor.label.remote(task, shard, start, end), timeout=self._spec.seconds)
        except GetTimeoutError:
            self.close()
            return Reason(ReasonCode.TIMEOUT, f"reading it took longer than {self._spec.seconds:g} s")
        except PROCESS_DIED:
            self._actor = None
            why = (last_words() or UNTOLD).rstrip(".")
            return Reason(ReasonCode.PROCESS_DIED, f"the process that read it died ({why})")

    def _started(self) -> Any:
        """Wait for a new actor; if its node dies before it is ready, that is not the fault of the items."""
        capacity, deaths = self._spec.capacity, 0
        options: dict[str, Any] = {"num_cpus": capacity.cpus, "num_gpus": capacity.gpus, "max_restarts": 0}
        actor: Any = ray.remote(IsolatedWorker).options(**options).remote(self._spec)
        while True:
            # Ray would silently wait for a node that may never come.
            remaining_capacity(capacity, all_nodes())
            try:
                ray.get(actor.__ray_ready__.remote(), timeout=LOOK_S)
                return actor
            except GetTimeoutError:
                continue
            except RayActorError as error:
                deaths += 1
                if not lost(error) or deaths > RESTARTS:
                    raise
                actor = ray.remote(IsolatedWorker).options(**options).remote(self._spec)

    def _lost(self, task: ReadTask, shard: int, index: int, reason: Reason) -> LabelledShard:
        workload = self._spec.workload
        source, number = self._spec.source.name(task, shard, index)
        known = {"source": source, workload.number: number, "status": Status.ERROR, **reason_columns(reason)}
        row = known | {"model": self._spec.reader.model}
        own = pa.schema([field for field in workload.schema if field.name not in workload.columns.names])
        rows = pa.Table.from_pylist([dict.fromkeys(own.names) | row], own)
        return LabelledShard(beside(rows, self._spec.source.kept(task, shard, index)))


def _with_engine(rows: pa.Table) -> pa.Table:
    """An item that was lost has no engine of its own; it gets that of its neighbours."""
    engines = rows["engine"].drop_null()
    known = engines[0].as_py() if len(engines) else None
    index = rows.schema.get_field_index("engine")
    return rows.set_column(index, rows.schema.field(index), pa.array([known] * len(rows), pa.string()))
