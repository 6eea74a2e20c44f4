"""Bulk labelling speed: the job as a person starts it, against loops written by hand and against plain Ray Data."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from jobs.benches.batch_inputs import digits, write_parquet, write_pngs
from pipelines.errors import InkrayError
from pipelines.recognizer import Recognizer

JOB = Path(__file__).parent.parent / "label.py"


@dataclass(frozen=True)
class Row:
    name: str
    items: int
    seconds: float

    @property
    def speed(self) -> float:
        return self.items / self.seconds


@dataclass(frozen=True)
class BatchBench:
    """Items a second of jobs/label.py, its start included, on a million digits in parquet and 100,000 PNG files,
    against single-process loops, the engine alone, the usual DataLoader loop, and Ray's own plain way."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")]
    """A converted model of the store."""
    rows: int = 1_000_000
    files: int = 100_000
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        console = Console()
        with tempfile.TemporaryDirectory(prefix="inkray-") as scratch:
            folder = Path(scratch)
            console.print(f"making {self.rows:,} rows and {self.files:,} files")
            write_parquet(folder / "digits.parquet", self.rows)
            write_pngs(folder / "png", self.files)
            measured = [*self._tables(folder, console), *self._pictures(folder, console)]
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        console.print(_table(measured))
        console.print(f"largest process: {memory:,.0f} MiB")
        if self.json:
            self.json.write_text(json.dumps([asdict(row) for row in measured], indent=2))

    def _tables(self, folder: Path, console: Console) -> list[Row]:
        source, few = folder / "digits.parquet", folder / "few.parquet"
        write_parquet(few, 10_000)
        runs = [
            Row("engine alone, arrays in memory", *self._engine_alone()),
            self._rival("by-hand", source, folder / "hand.parquet", self.rows, "single-process loop by hand, parquet"),
            self._ours(few, folder / "few", 10_000, "inkray, parquet"),
            self._ours(source, folder / "labels", self.rows, "inkray, parquet"),
        ]
        for row in runs:
            console.print(f"{row.name}: {row.items:,} in {row.seconds:.1f} s", highlight=False)
        return runs

    def _pictures(self, folder: Path, console: Console) -> list[Row]:
        source = folder / "png"
        runs = [
            self._rival("by-hand-png", source, folder / "png.parquet", self.files, "single-process loop by hand, PNG"),
            self._rival("usual", source, folder / "usual.parquet", self.files, "DataLoader + eager PyTorch, batch 64"),
            self._rival("ray-plainly", source, folder / "plain", self.files, "Ray Data, read_images + map_batches"),
            self._ours(source, folder / "png-labels", self.files, "inkray, PNG"),
        ]
        for row in runs:
            console.print(f"{row.name}: {row.items:,} in {row.seconds:.1f} s", highlight=False)
        return runs

    def _engine_alone(self) -> tuple[int, float]:
        images, count = digits(100_000, 0), 0
        with Recognizer(self.model) as reader:
            started = time.perf_counter()
            while time.perf_counter() - started < 8:
                reader.read_prepared(images)
                count += len(images)
            return count, time.perf_counter() - started

    def _ours(self, source: Path, output: Path, items: int, name: str) -> Row:
        return Row(name, items, _seconds([str(JOB), "digits", str(source), str(output), "--model", self.model]))

    def _rival(self, kind: str, source: Path, output: Path, items: int, name: str) -> Row:
        command = ["-m", "jobs.benches.batch_rivals", kind, str(source), str(output), self.model]
        return Row(name, items, _seconds(command))


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=JOB.parent.parent)
    if done.returncode:
        raise InkrayError(f"{command[0]} failed in the bench: {done.stderr.strip()[-500:]}")
    return time.perf_counter() - started


def _table(rows: list[Row]) -> Table:
    ours = {row.name: row for row in rows if row.name.startswith("inkray")}
    table = Table("", "items", "seconds", "items/s", "inkray against it")
    for row in rows:
        mine = ours["inkray, PNG" if row in rows[4:] else "inkray, parquet"]
        ratio = f"{mine.speed / row.speed:.2f}" if row.name not in ours else ""
        table.add_row(row.name, f"{row.items:,}", f"{row.seconds:.1f}", f"{row.speed:,.0f}", ratio)
    return table
