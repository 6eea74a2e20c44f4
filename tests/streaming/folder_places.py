"""A watched folder and a table, from the outside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
from deltalake import DeltaTable

from tests.streaming.generator import digest_of, keys, land
from tests.streaming.judge import Delivered, Landed
from tests.streaming.places import Goods, Row


class FolderInlet:
    words = ("--afterwards", "move")

    def __init__(self, folder: Path, goods: Goods) -> None:
        self._folder, self._goods, self._keys = folder, goods, keys(len(goods.contents))
        self.where = str(folder)
        self._delivered: list[Delivered] = []
        folder.mkdir()

    def deliver(self, number: int) -> tuple[str, str] | None:
        key, content = self._keys[number], self._goods.contents[number]
        if not land(self._folder, key, content):
            return None
        digest = digest_of(content)
        self._delivered.append(Delivered(key, digest, *self._goods.answers[digest]))
        return key, digest

    def count(self) -> int:
        return len(self._delivered)

    def delivered(self) -> list[Delivered]:
        return self._delivered

    def landed(self, row: Row) -> Landed:
        """By its content, which no other version of the file has."""
        return Landed(row.key, row.digest, row.value, row.status)


class TableOutlet:
    # Merged files would no longer tell in which order their rows became visible.
    words = ("--merge-files", "0")

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self._table = folder / "rows"
        self._version = 0

    def new_rows(self) -> Iterator[Row]:
        while (entry := self._table / "_delta_log" / f"{self._version:020d}.json").exists():
            self._version += 1
            for line in entry.read_text().splitlines():
                if add := json.loads(line).get("add"):
                    yield from _rows(self._table / add["path"])

    def rows(self) -> Iterable[Row]:
        """The name of a commit's file has the commit's number."""
        for file in sorted(DeltaTable(str(self._table)).file_uris(), key=lambda file: Path(file).name):
            yield from _rows(Path(file))


def _rows(file: Path) -> Iterator[Row]:
    for row in pq.read_table(file, columns=list(Row._fields), partitioning=None).to_pylist():
        yield Row(**row)
