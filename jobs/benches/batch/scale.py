"""What an item costs and what the driver holds, from a small run to the largest, on a table that names images."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from jobs.benches.batch.inputs import IN_FOLDER, write_pngs
from jobs.benches.job import run_job
from pipelines.errors import UsageError
from pipelines.files.atomic import write_json

IN_MEMORY = Path("/dev/shm")
NAMED = "list.parquet"
ROW_GROUP = 1_000_000


@dataclass(frozen=True)
class ScaleRow:
    items: int
    seconds: float
    driver_mib: int


@dataclass(frozen=True)
class ScaleBench:
    """Time of an item and memory of the driver of `inkray label digits`, from a small run to the largest. Its input is
    a table that names the same 1,000 PNG files in memory again and again."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")]
    """A converted model of the store."""
    items: tuple[int, ...] = (100_000, 1_000_000, 10_000_000)
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        if not IN_MEMORY.is_dir():
            raise UsageError(f"There is no {IN_MEMORY}, where the images of this bench lie in memory.")
        console, rows = open_console(), list[ScaleRow]()
        with (
            tempfile.TemporaryDirectory(prefix="inkray-", dir=IN_MEMORY) as images,
            tempfile.TemporaryDirectory() as out,
        ):
            write_pngs(Path(images), IN_FOLDER)
            for items in sorted(self.items):
                rows.append(self._labelled(Path(images), Path(out) / str(items), items))
                console.print(f"{items:,} items in {rows[-1].seconds:.1f} s", highlight=False)
        console.print(_table(rows))
        write_json(self.json, [asdict(row) for row in rows])

    def _labelled(self, images: Path, output: Path, items: int) -> ScaleRow:
        names = images / NAMED
        write_names(names, sorted(str(path.relative_to(images)) for path in images.rglob("*.png")), items)
        words = ("digits", names, output, "--uri-column", "image", "--model", self.model)
        seconds = run_job("label.py", *words)
        memory = json.loads((output / "summary.json").read_text())["driver_memory_mib"]
        return ScaleRow(items, seconds, memory)


def write_names(path: Path, names: list[str], items: int) -> None:
    column = pa.array(names)
    with pq.ParquetWriter(path, pa.schema([("image", pa.string())]), compression="zstd") as writer:
        for start in range(0, items, ROW_GROUP):
            count = min(ROW_GROUP, items - start)
            repeated = pa.concat_arrays([column] * -(-count // len(column)))[:count]
            writer.write_table(pa.table({"image": repeated}))


def _table(rows: list[ScaleRow]) -> Table:
    table = Table("items", "seconds", "us an item", "the same past the start", "driver, MiB")
    for less, row in zip([None, *rows], rows, strict=False):
        past = "" if less is None else f"{1e6 * (row.seconds - less.seconds) / (row.items - less.items):.1f}"
        table.add_row(
            f"{row.items:,}", f"{row.seconds:.1f}", f"{1e6 * row.seconds / row.items:.1f}", past, f"{row.driver_mib:,}"
        )
    return table
