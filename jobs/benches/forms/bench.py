"""Speed on forms: the job as a user starts it against only decoding the same files, and its accuracy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from jobs.benches.job import run_job
from jobs.benches.memory import ReadersMemory
from pipelines.errors import InkrayError
from pipelines.files.atomic import write_json
from pipelines.forms.scoring import Score, score
from pipelines.forms.synthesis.forms import synthesise, write_blank_pages
from pipelines.forms.synthesis.scanning import Level
from pipelines.forms.templates.loading import write_template
from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.labeling.rows import read_shards

DPI = 300
ENCODINGS = {"png": [cv2.IMWRITE_PNG_COMPRESSION, 3], "jpg": [cv2.IMWRITE_JPEG_QUALITY, 90]}
DECODE = """
import cv2, sys
cv2.setNumThreads(1)
for path in sys.argv[1:]:
    assert cv2.imread(path, cv2.IMREAD_GRAYSCALE) is not None, path
"""

Answers = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Measured:
    name: str
    pages: int
    seconds: float


@dataclass(frozen=True)
class FormsBench:
    """Pages a second of `inkray label forms`, on made-up forms of five designs scanned at 300 dpi, against one process
    for each core that only decodes the same files with OpenCV; and how many fields are right."""

    pages: int = 500
    level: Level = "hard"
    """How badly the pages are scanned: easy, usual or hard."""
    format: Literal["png", "jpg"] = "png"
    """File format of the scans. JPEG is decoded ten times as fast, and reading costs the same."""
    few: int = 10
    """Pages of a first run, which shows what the job's start-up costs."""
    seed: int = 0
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        console = open_console()
        with tempfile.TemporaryDirectory(prefix="inkray-") as scratch:
            folder = Path(scratch)
            console.print(f"making {self.pages:,} pages")
            readers = ReadersMemory()
            answers = write_pages(folder / "scans", self.pages, self)
            write_pages(folder / "few", self.few, replace(self, seed=self.seed + 1))
            templates = write_templates(folder / "templates")
            measured = [
                decode("only decoded, OpenCV", sorted((folder / "scans").iterdir())),
                ours("inkray, a few pages", folder / "few", folder / "few-labels", templates, self.few),
                ours("inkray", folder / "scans", folder / "labels", templates, self.pages, readers),
            ]
            memory = json.loads((folder / "labels" / "summary.json").read_text())["driver_memory_mib"]
            rows = [
                row
                for shard in read_shards(folder / "labels" / "rows", "parquet", FORM_SCHEMA)
                for row in shard.to_pylist()
            ]
        found, unread = score(rows, answers), sum(row["field"] is None for row in rows)
        console.print(_table(measured))
        for line in _in_words(found, unread, self.pages):
            console.print(line, highlight=False)
        for line in (f"most memory of the job's driver: {memory:,} MiB", *readers.in_words()):
            console.print(line, highlight=False)
        write_json(self.json, {"runs": [asdict(one) for one in measured], "score": asdict(found)})


def write_pages(folder: Path, count: int, bench: FormsBench) -> Answers:
    """Write every page at 300 dpi, whatever the resolution of the synthetic scanner was."""
    folder.mkdir()
    answers = {}
    for scan in synthesise(count, bench.seed, bench.level):
        size = tuple(round(side * DPI / scan.dpi) for side in scan.image.shape[::-1])
        image = cv2.resize(scan.image, size, interpolation=cv2.INTER_LINEAR) if scan.dpi != DPI else scan.image
        path = folder / f"{scan.name}.{bench.format}"
        path.write_bytes(cv2.imencode(path.suffix, np.asarray(image), ENCODINGS[bench.format])[1].tobytes())
        answers[str(path)] = scan.answers
    return answers


def write_templates(folder: Path) -> list[Path]:
    paths = []
    for template in write_blank_pages(folder):
        paths.append(folder / f"{template.name}.yaml")
        write_template(template, paths[-1])
    return paths


def decode(name: str, files: list[Path]) -> Measured:
    """Decode on every core, each process with its share of the files."""
    cores = os.cpu_count() or 1
    started = time.perf_counter()
    running = [subprocess.Popen([sys.executable, "-c", DECODE, *map(str, files[at::cores])]) for at in range(cores)]
    if any(process.wait() for process in running):
        raise InkrayError("OpenCV could not decode what it has written; see above.")
    return Measured(name, len(files), time.perf_counter() - started)


def ours(
    name: str,
    scans: Path,
    output: Path,
    templates: list[Path],
    pages: int,
    readers: ReadersMemory | None = None,
) -> Measured:
    words = [word for path in templates for word in ("--template", path)]
    # 3: there are pages that could not be read.
    seconds = run_job("label.py", "forms", scans, output, *words, fine=(0, 3), memory=readers)
    return Measured(name, pages, seconds)


def _table(measured: list[Measured]) -> Table:
    rival, few, whole = measured
    without_start = Measured("inkray, without its start", whole.pages - few.pages, whole.seconds - few.seconds)
    table = Table("", "pages", "seconds", "pages/s", "against only decoding")
    for one in (rival, few, whole, without_start):
        speed = one.pages / max(one.seconds, 1e-9)
        ratio = speed * rival.seconds / rival.pages
        table.add_row(one.name, f"{one.pages:,}", f"{one.seconds:.1f}", f"{speed:.2f}", f"{ratio:.2f}")
    return table


def _in_words(found: Score, unread: int, pages: int) -> Iterator[str]:
    yield f"pages that were not read: {unread:,} of {pages:,}"
    yield f"fields as they were written: {found.right:,} of {found.fields:,} ({found.right / found.fields:.2%})"
    yield f"fields said to be ok: {found.ok:,} ({found.ok / found.fields:.2%}), of which right {found.ok_right:,}" + (
        f" ({found.ok_right / found.ok:.3%})" if found.ok else ""
    )
