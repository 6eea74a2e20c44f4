"""Parts in which a process died, looked at alone: the item that ends its process is found, and becomes an error row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from ray.exceptions import GetTimeoutError, RayActorError, WorkerCrashedError

from pipelines.labeling.inputs import Input, Stretch
from pipelines.labeling.labeler import Labeler, Reading
from pipelines.labeling.pipeline import PartDone, count, save_thumbs
from pipelines.labeling.room import Room
from pipelines.labeling.rows import ERROR, SCHEMA, write_part
from pipelines.labeling.run_folder import RunFolder


class Alone:
    """Reads and labels some items of a part, in a process of its own that may die of it."""

    def __init__(self, source: Input, reading: Reading, folder: RunFolder) -> None:
        self._source, self._folder, self._labeler = source, folder, Labeler(reading)

    def label(self, stretch: Stretch, part: int, start: int, end: int) -> tuple[pa.Table, np.ndarray, np.ndarray]:
        with self._folder.under_way(part):
            [items] = self._source.read(stretch, {part}, slice(start, end))
            labelled = self._labeler.label(items)
        return labelled.rows, items.images[labelled.least_certain], labelled.least_certain + start


@dataclass
class Isolation:
    source: Input
    folder: RunFolder
    reading: Reading
    room: Room
    seconds: float
    actor: Any = None

    def label(self, stretch: Stretch, part: int) -> PartDone:
        pieces = list(self._pieces(stretch, part, 0, stretch.size(part)))
        rows = pa.concat_tables(rows for rows, _, _ in pieces)
        rows = _with_engine(rows)
        images = np.concatenate([images for _, images, _ in pieces])
        places = np.concatenate([places for _, _, places in pieces])
        save_thumbs(self.folder, part, {"images": images, "rows": places})
        write_part(self.folder.rows, part, rows, self.folder.kind)
        return count(part, rows)

    def close(self) -> None:
        if self.actor is not None:
            ray.kill(self.actor)
            self.actor = None

    def _pieces(self, stretch: Stretch, part: int, start: int, end: int) -> Iterator[tuple[Any, Any, Any]]:
        """All at once if they let the process live, else the two halves, down to the single item that does not."""
        died = self._try(stretch, part, start, end)
        if not isinstance(died, str):
            yield died
        elif end - start == 1:
            yield self._lost(stretch, part, start, died)
        else:
            middle = (start + end) // 2
            yield from self._pieces(stretch, part, start, middle)
            yield from self._pieces(stretch, part, middle, end)

    def _try(self, stretch: Stretch, part: int, start: int, end: int) -> Any:
        """The rows, or how the process ended."""
        if self.actor is None:
            options: dict[str, Any] = {"num_cpus": self.room.cpus, "num_gpus": self.room.gpus, "max_restarts": 0}
            self.actor = ray.remote(Alone).options(**options).remote(self.source, self.reading, self.folder)
            ray.get(self.actor.__ray_ready__.remote())
        try:
            return ray.get(self.actor.label.remote(stretch, part, start, end), timeout=self.seconds)
        except GetTimeoutError:
            self.close()
            return f"reading it took longer than {self.seconds:g} s"
        except (RayActorError, WorkerCrashedError):
            self.actor = None
            return "the process that read it died (crashed, killed, or out of memory)"

    def _lost(self, stretch: Stretch, part: int, index: int, reason: str) -> tuple[pa.Table, Any, Any]:
        items = self.source.name(stretch, part, index)
        row = dict.fromkeys(SCHEMA.names) | {
            "source": items[0],
            "item": items[1],
            "status": ERROR,
            "reason": reason,
            "model": self.reading.model,
        }
        return pa.Table.from_pylist([row], SCHEMA), np.empty((0, 28, 28), np.uint8), np.empty(0, np.int64)


def _with_engine(rows: pa.Table) -> pa.Table:
    """An item that was lost has no engine of its own to tell; its neighbours know which it would have been."""
    engines = rows["engine"].drop_null()
    known = engines[0].as_py() if len(engines) else None
    column = pa.array([known] * len(rows), pa.string())
    return rows.set_column(SCHEMA.get_field_index("engine"), SCHEMA.field("engine"), column)
