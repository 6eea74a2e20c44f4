"""Parts in which a process died, looked at alone: the item that ends its process is found, and becomes an error row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import GetTimeoutError, RayActorError

from pipelines.labeling.deaths import DIED, RESTARTS, a_process_died
from pipelines.labeling.inputs import Stretch
from pipelines.labeling.kind import Labelled
from pipelines.labeling.pipeline import Orders, PartDone, count
from pipelines.labeling.room import what_is_left
from pipelines.labeling.rows import ERROR
from pipelines.nodes import all_nodes

LOOK_S = 10.0
"""Between two looks at whether there still is room."""


class Alone:
    """Reads and labels some items of a part, in a process of its own that may die of it."""

    def __init__(self, orders: Orders) -> None:
        self._orders, self._labeler = orders, orders.kind.labeler(orders.reading)

    def label(self, stretch: Stretch, part: int, start: int, end: int) -> Labelled:
        with self._orders.folder.under_way(part):
            [read] = self._orders.source.read(stretch, {part}, slice(start, end))
            return self._labeler.label(read, start)


class Isolation:
    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._actor: Any = None

    def label(self, stretch: Stretch, part: int) -> PartDone:
        pieces = list(self._pieces(stretch, part, 0, stretch.size(part)))
        rows = _with_engine(pa.concat_tables(piece.rows for piece in pieces))
        files = {name: content for piece in pieces for name, content in piece.files.items()}
        self._orders.folder.write(part, rows, files)
        return count(part, stretch.size(part), rows)

    def close(self) -> None:
        if self._actor is not None:
            ray.kill(self._actor)
            self._actor = None

    def _pieces(self, stretch: Stretch, part: int, start: int, end: int) -> Iterator[Labelled]:
        """All at once if they let the process live, else the two halves, down to the single item that does not."""
        labelled = self._try(stretch, part, start, end)
        if isinstance(labelled, Labelled):
            yield labelled
        elif end - start == 1:
            yield self._lost(stretch, part, start, labelled)
        else:
            middle = (start + end) // 2
            yield from self._pieces(stretch, part, start, middle)
            yield from self._pieces(stretch, part, middle, end)

    def _try(self, stretch: Stretch, part: int, start: int, end: int) -> Labelled | str:
        """The rows, or how the process ended."""
        if self._actor is None:
            self._actor = self._started()
        try:
            return ray.get(self._actor.label.remote(stretch, part, start, end), timeout=self._orders.seconds)
        except GetTimeoutError:
            self.close()
            return f"reading it took longer than {self._orders.seconds:g} s"
        except DIED:
            self._actor = None
            return "the process that read it died (crashed, killed, or out of memory)"

    def _started(self) -> Any:
        """An actor that is there; one whose node dies before that says nothing about the items."""
        room, deaths = self._orders.room, 0
        options: dict[str, Any] = {"num_cpus": room.cpus, "num_gpus": room.gpus, "max_restarts": 0}
        actor: Any = ray.remote(Alone).options(**options).remote(self._orders)
        while True:
            # Ray would wait in silence for a node that may never come.
            what_is_left(room, all_nodes())
            try:
                ray.get(actor.__ray_ready__.remote(), timeout=LOOK_S)
                return actor
            except GetTimeoutError:
                continue
            except RayActorError as error:
                deaths += 1
                if not a_process_died(error) or deaths > RESTARTS:
                    raise
                actor = ray.remote(Alone).options(**options).remote(self._orders)

    def _lost(self, stretch: Stretch, part: int, index: int, reason: str) -> Labelled:
        kind = self._orders.kind
        source, number = self._orders.source.name(stretch, part, index)
        told = {"source": source, kind.number: number, "status": ERROR, "reason": reason}
        row = dict.fromkeys(kind.schema.names) | told | {"model": self._orders.reading.model}
        return Labelled(pa.Table.from_pylist([row], kind.schema))


def _with_engine(rows: pa.Table) -> pa.Table:
    """An item that was lost has no engine of its own to tell; its neighbours know which it would have been."""
    engines = rows["engine"].drop_null()
    known = engines[0].as_py() if len(engines) else None
    index = rows.schema.get_field_index("engine")
    return rows.set_column(index, rows.schema.field(index), pa.array([known] * len(rows), pa.string()))
