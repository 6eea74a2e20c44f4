"""Streams: steady speed against bulk labelling, delays at half of that load, and memory over many tiny items."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from jobs.benches.batch.inputs import digits, write_pngs
from jobs.benches.job import run_job
from jobs.benches.stream.job import RunningStream, running
from jobs.benches.stream.table import count, delays, speed
from jobs.benches.turns import check_counts
from pipelines.errors import UsageError
from pipelines.files.atomic import write_json

SHARE_OF_FEW = 10
"""A run of bulk over so many times fewer files tells what its start costs."""
LOT = 2_000
"""Files that lie in the folder at a time where memory is measured."""


@dataclass(frozen=True)
class StreamFigures:
    bulk_per_second: float
    stream_per_second: float
    load_per_second: float
    delay_p50_s: float
    delay_p99_s: float
    driver_mib: tuple[int, int]
    """At a tenth of the items, and at the last."""
    readers_mib: tuple[int, int]


@dataclass(frozen=True)
class StreamBench:
    """Items a second of `inkray stream digits` on a folder of PNG files against `inkray label` on the same, both past
    their starts; the delay from a file's landing until its row is visible, at half of that load; and the memory of
    driver and readers over many tiny items."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")] = "builtin"
    """A model of the store."""
    files: int = 50_000
    seconds: float = 30
    tiny: int = 100_000
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        check_counts("files", [self.files // SHARE_OF_FEW])
        check_counts("tiny", [self.tiny // LOT])
        if not self.seconds > 0:
            raise UsageError(f"--seconds {self.seconds:g} is no time to measure in; give more than 0.")
        console = open_console()
        with tempfile.TemporaryDirectory(prefix="inkray-") as scratch:
            folder = Path(scratch)
            bulk, stream = self._speeds(folder, console)
            p50, p99 = self._delays(folder, stream / 2, console)
            driver, readers = self._memory(folder, console)
        figures = StreamFigures(bulk, stream, stream / 2, p50, p99, driver, readers)
        console.print(_table(figures, self.tiny), highlight=False)
        write_json(self.json, asdict(figures))

    def _speeds(self, folder: Path, console: Console) -> tuple[float, float]:
        console.print(f"making {self.files:,} files, which bulk labelling reads, and then a stream")
        few = self.files // SHARE_OF_FEW
        write_pngs(folder / "few", few)
        write_pngs(folder / "many", self.files)
        less, more = (self._bulk(folder / name, folder / f"{name}-labels") for name in ("few", "many"))
        with running(folder / "many", folder / "stream", "--model", self.model) as stream:
            stream.until(lambda: count(folder / "stream") >= self.files)
        return (self.files - few) / (more - less), speed(folder / "stream")

    def _bulk(self, source: Path, output: Path) -> float:
        return run_job("label.py", "digits", source, output, "--model", self.model)

    def _delays(self, folder: Path, per_second: float, console: Console) -> tuple[float, float]:
        console.print(f"landing {per_second:,.0f} files a second for {self.seconds:g} s", highlight=False)
        source, output = folder / "paced", folder / "paced-rows"
        source.mkdir()
        contents = _pictures()
        with running(source, output, "--model", self.model) as stream:
            _land(source, "first.png", next(contents))
            stream.until(lambda: count(output) == 1)
            landed, began = 0, time.monotonic()
            while (elapsed := time.monotonic() - began) < self.seconds:
                while landed < elapsed * per_second:
                    _land(source, f"{landed:08d}.png", next(contents))
                    landed += 1
                time.sleep(0.005)
            stream.until(lambda: count(output) == landed + 1)
        p50, p99 = np.percentile(delays(output), [50, 99])
        return float(p50), float(p99)

    def _memory(self, folder: Path, console: Console) -> tuple[tuple[int, int], tuple[int, int]]:
        """In a folder that never has many files, as one whose files are moved away and taken from there."""
        console.print(f"streaming {self.tiny:,} tiny items", highlight=False)
        source, output, contents = folder / "tiny", folder / "tiny-rows", _pictures()
        source.mkdir()
        lots, seen = self.tiny // LOT, []
        with running(source, output, "--model", self.model, "--afterwards", "move") as stream:
            for lot in range(lots):
                for number in range(LOT):
                    _land(source, f"{lot:05d}-{number:05d}.png", next(contents))
                _until_done(stream, source)
                seen.append(stream.memory())
        early, late = seen[lots // 10], seen[-1]
        return (early[0], late[0]), (early[1], late[1])


def _until_done(stream: RunningStream, source: Path) -> None:
    """All of it is moved away; and then deleted, as by whoever keeps what was read elsewhere."""
    done = source / "done"
    stream.until(lambda: done.is_dir() and not any(source.glob("*.png")))
    for file in done.iterdir():
        file.unlink()


def _pictures() -> Iterator[bytes]:
    pictures = [cv2.imencode(".png", image)[1].tobytes() for image in digits(LOT, 0)]
    while True:
        yield from pictures


def _land(folder: Path, name: str, content: bytes) -> None:
    draft = folder / f".{name}"
    draft.write_bytes(content)
    draft.rename(folder / name)


def _table(figures: StreamFigures, tiny: int) -> Table:
    table = Table("what", "figure")
    ratio = figures.stream_per_second / figures.bulk_per_second
    table.add_row("bulk labelling, past its start", f"{figures.bulk_per_second:,.0f} items/s")
    table.add_row("the stream, past its start", f"{figures.stream_per_second:,.0f} items/s, {ratio:.2f} of bulk")
    delay = f"{figures.delay_p50_s:.2f} s (p50), {figures.delay_p99_s:.2f} s (p99)"
    table.add_row(f"landed to visible, at {figures.load_per_second:,.0f} items/s", delay)
    for name, (early, late) in (("driver", figures.driver_mib), ("readers", figures.readers_mib)):
        table.add_row(f"memory of the {name}, at {tiny // 10:,} and {tiny:,} items", f"{early:,} and {late:,} MiB")
    return table
