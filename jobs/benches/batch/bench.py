"""Bulk labelling speed: the job as a person starts it, against loops written by hand and against plain Ray Data."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from cluster import local
from jobs._console import open_console
from jobs.benches.batch.inputs import digits, write_parquet, write_pngs
from jobs.benches.job import run_job, run_python
from jobs.benches.memory import ReadersMemory
from pipelines.files.atomic import write_json
from pipelines.inference.recognizer import Recognizer


@dataclass(frozen=True)
class BatchRow:
    name: str
    items: int
    seconds: float
    driver_mib: int | None = None
    """The peak memory of the job's own process, from its summary."""

    @property
    def speed(self) -> float:
        return self.items / self.seconds


FEW = 200
"""PNG files that are labelled in no time, so that what a run takes is its start."""


@dataclass(frozen=True)
class BatchBench:
    """Items a second of `inkray label`, its start included, on a million digits in parquet and 100,000 PNG files,
    against single-process loops, the engine alone, the usual DataLoader loop, and Ray's own plain way. And the start
    alone, with a Ray of its own and on a cluster that is up."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")]
    """A converted model of the store."""
    rows: int = 1_000_000
    files: int = 100_000
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        console = open_console()
        with tempfile.TemporaryDirectory(prefix="inkray-") as scratch:
            folder = Path(scratch)
            console.print(f"making {self.rows:,} rows and {self.files:,} files")
            write_parquet(folder / "digits.parquet", self.rows)
            write_pngs(folder / "png", self.files)
            starts = self._starts(folder, console)
            readers = ReadersMemory()
            tables, pictures = self._tables(folder, console, readers), self._pictures(folder, console)
        driver = _memory([*tables, *pictures])
        for line in (_table(starts, tables, pictures), *_flatness(tables[2:]), *driver, *readers.in_words()):
            console.print(line, highlight=False)
        write_json(self.json, [asdict(row) for row in (*starts, *tables, *pictures)])

    def _starts(self, folder: Path, console: Console) -> list[BatchRow]:
        source = folder / "few-png"
        write_pngs(source, FEW)
        runs = [self._ours(source, folder / "alone", FEW, "inkray, its start")]
        with _cluster(folder) as env:
            # What stays on a cluster for all that run there is started by the first.
            self._ours(source, folder / "first", FEW, "", env)
            runs.append(self._ours(source, folder / "second", FEW, "inkray, its start on a cluster that is up", env))
        _say(runs, console)
        return runs

    def _tables(self, folder: Path, console: Console, readers: ReadersMemory) -> list[BatchRow]:
        source, few, more = folder / "digits.parquet", folder / "few.parquet", folder / "more.parquet"
        write_parquet(few, self.rows // 100)
        write_parquet(more, self.rows // 10)
        runs = [
            BatchRow("engine alone, arrays in memory", *self._engine_alone()),
            self._rival("by-hand", source, folder / "hand.parquet", self.rows, "single-process loop by hand, parquet"),
            self._ours(few, folder / "few", self.rows // 100, "inkray, parquet"),
            self._ours(more, folder / "more", self.rows // 10, "inkray, parquet"),
            self._ours(source, folder / "labels", self.rows, "inkray, parquet", readers=readers),
        ]
        _say(runs, console)
        return runs

    def _pictures(self, folder: Path, console: Console) -> list[BatchRow]:
        source = folder / "png"
        runs = [
            self._rival("by-hand-png", source, folder / "png.parquet", self.files, "single-process loop by hand, PNG"),
            self._rival("usual", source, folder / "usual.parquet", self.files, "DataLoader + eager PyTorch, batch 64"),
            self._rival("ray-plainly", source, folder / "plain", self.files, "Ray Data, read_images + map_batches"),
            self._ours(source, folder / "png-labels", self.files, "inkray, PNG"),
        ]
        _say(runs, console)
        return runs

    def _engine_alone(self) -> tuple[int, float]:
        images, count = digits(100_000, 0), 0
        with Recognizer(self.model) as reader:
            started = time.perf_counter()
            while time.perf_counter() - started < 8:
                reader.read_prepared(images)
                count += len(images)
            return count, time.perf_counter() - started

    def _ours(
        self,
        source: Path,
        output: Path,
        items: int,
        name: str,
        env: Mapping[str, str] | None = None,
        readers: ReadersMemory | None = None,
    ) -> BatchRow:
        seconds = run_job("label.py", "digits", source, output, "--model", self.model, env=env, memory=readers)
        return BatchRow(name, items, seconds, json.loads((output / "summary.json").read_text())["driver_memory_mib"])

    def _rival(self, kind: str, source: Path, output: Path, items: int, name: str) -> BatchRow:
        return BatchRow(name, items, run_python("-m", f"{__package__}.rivals", kind, source, output, self.model))


@contextmanager
def _cluster(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a job on a cluster of this machine that is up and has nothing to do."""
    cluster, _ = local.up(local.Up(port=0, dashboard_port=0), folder / "cluster", Path.cwd())
    try:
        yield {**os.environ, **cluster.driver_env()}
    finally:
        local.down(folder / "cluster")


def _say(rows: list[BatchRow], console: Console) -> None:
    for row in rows:
        console.print(f"{row.name}: {row.items:,} in {row.seconds:.1f} s", highlight=False)


def _table(starts: list[BatchRow], tables: list[BatchRow], pictures: list[BatchRow]) -> Table:
    table = Table("", "items", "seconds", "items/s", "inkray against it")
    for rows in (starts, tables, pictures):
        ours = rows[-1]
        for row in rows:
            ratio = "" if row.name.startswith("inkray") else f"{ours.speed / row.speed:.2f}"
            table.add_row(row.name, f"{row.items:,}", f"{row.seconds:.1f}", f"{row.speed:,.0f}", ratio)
    return table


def _flatness(runs: list[BatchRow]) -> Iterator[str]:
    """The speed between each input and the next larger one, which excludes the start-up of a run."""
    for less, more in pairwise(runs):
        speed = (more.items - less.items) / (more.seconds - less.seconds)
        yield f"past the start, from {less.items:,} to {more.items:,} items: {speed:,.0f} items/s"


def _memory(rows: list[BatchRow]) -> Iterator[str]:
    driver = max(row.driver_mib or 0 for row in rows)
    yield f"most memory of inkray's driver: {driver:,} MiB (goal: less than 1,024)"
