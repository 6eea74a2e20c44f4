"""When the rows of a stream became visible, by the log of its table alone: no reader is in the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import InkrayError


class VisibleCommit(NamedTuple):
    visible_at: float
    rows: int
    file: Path


def commits(output: Path) -> list[VisibleCommit]:
    """Those that have rows, in order."""
    return sorted(_commits(output / "rows"))


def _commits(table: Path) -> Iterator[VisibleCommit]:
    for entry in (table / "_delta_log").glob("*.json"):
        for line in entry.read_text().splitlines():
            add = json.loads(line).get("add")
            # Files that were merged have rows that were visible before.
            if add and add["dataChange"]:
                yield VisibleCommit(entry.stat().st_mtime, json.loads(add["stats"])["numRecords"], table / add["path"])


def count(output: Path) -> int:
    return sum(commit.rows for commit in commits(output))


def speed(output: Path) -> float:
    """Rows a second between the first commit and the last."""
    found = commits(output)
    seconds = found[-1].visible_at - found[0].visible_at
    if not seconds:
        raise InkrayError("All rows became visible at once, which tells no speed; take more files.", option="files")
    return sum(commit.rows for commit in found[1:]) / seconds


def delays(output: Path) -> NDArray[np.float64]:
    """The seconds of each row but those of the first commit, from its item's arrival until it was visible."""
    found = []
    for commit in commits(output)[1:]:
        arrived = pq.read_table(commit.file, columns=["arrived_at"], partitioning=None)["arrived_at"]
        found.append(commit.visible_at - arrived.to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6)
    return np.concatenate(found)
