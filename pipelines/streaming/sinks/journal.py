"""The positions of a table's commits, in files that a commit names by its number.

A file holds what its commit changes and names the file before it; now and then one holds all positions. A file whose
commit was not taken is named by none.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from pipelines.errors import DataError
from pipelines.files.storage import Storage
from pipelines.streaming.source import Position, Positions

FOLDER = ".work/positions"
LEAST = 1_000
"""Changes after which all positions are written once more, unless there are many more positions than that."""


class PositionJournal:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._positions: dict[str, Position] = {}
        self._number: int | None = None
        self._changes = 0
        self._whole = False
        """Whether the file written last holds all positions."""

    @property
    def positions(self) -> Positions:
        return dict(self._positions)

    def load(self, number: int | None) -> None:
        """Read the positions as of the commit of this number; none before the first."""
        self._positions, self._number, self._changes = {}, None, 0
        chain = []
        while number is not None:
            chain.append(self._file(number))
            number = chain[-1]["before"]
        for file in reversed(chain):
            self._apply({key: Position(*value) for key, value in file["done"].items()}, file["forgotten"])

    def write_all(self, number: int) -> None:
        """Write all positions for the commit of this number."""
        self._put(number, None, self._positions, ())

    def write(self, number: int, done: Positions, forgotten: Collection[str]) -> None:
        """Write what the commit of this number changes."""
        if self._number is None or self._changes > max(LEAST, len(self._positions)):
            after = {key: value for key, value in self._positions.items() if key not in set(forgotten)}
            self._put(number, None, after | dict(done), ())
        else:
            self._put(number, self._number, done, forgotten)

    def taken(self, number: int, done: Positions, forgotten: Collection[str]) -> None:
        """The commit of this number was taken, with these changes."""
        self._apply(done, forgotten)
        self._changes = 0 if self._whole else self._changes + len(done) + len(forgotten)
        self._number = number
        if self._whole:
            self._retire(number)

    def _apply(self, done: Positions, forgotten: Collection[str]) -> None:
        for key in forgotten:
            self._positions.pop(key, None)
        self._positions.update(done)

    def _put(self, number: int, before: int | None, done: Positions, forgotten: Collection[str]) -> None:
        self._whole = before is None
        content = {"before": before, "done": done, "forgotten": list(forgotten)}
        self._storage.put(_name(number), json.dumps(content).encode())

    def _file(self, number: int) -> dict[str, Any]:
        content = self._storage.get(_name(number))
        if content is None:
            raise DataError(
                f"{self._storage.shown}/{_name(number)} is gone, which says what the last rows were read from; put it "
                "back, or start with another output."
            )
        return json.loads(content)

    def _retire(self, number: int) -> None:
        for name in self._storage.names(FOLDER):
            with suppress(ValueError):
                if int(name.partition(".")[0]) < number:
                    self._storage.delete(f"{FOLDER}/{name}")


def _name(number: int) -> str:
    return f"{FOLDER}/{number:020d}.json"
