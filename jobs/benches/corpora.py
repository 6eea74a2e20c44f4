"""Corpus speed: how fast each kind of source is read into memory."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.table import Table

from jobs._console import open_console
from pipelines.corpora import load_corpus
from pipelines.corpora.convert import convert


@dataclass(frozen=True)
class ReadBench:
    """Digits a second from IDX, a PNG folder and parquet, against opening each PNG with Pillow in a loop."""

    corpus: str = "builtin"

    def run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="inkray-") as folder:
            png = f"folder:{folder}/png"
            sources = {
                "idx": f"idx:{folder}/images,{folder}/labels",
                "png folder": png,
                "parquet": f"parquet:{folder}/p",
            }
            for spec in sources.values():
                convert(self.corpus, spec, "train" if spec.startswith("idx") else None, overwrite=False)
            rival = _pillow_loop(Path(folder, "png", "train"))
            table = Table("", "digits/s", "ratio", title="reading a corpus into memory")
            table.add_row("a loop of Image.open over the PNGs", f"{rival:,.0f}", "")
            for name, spec in sources.items():
                speed = _speed(spec)
                table.add_row(f"inkray, {name}", f"{speed:,.0f}", f"{speed / rival:.1f} times")
        open_console().print(table)


def _pillow_loop(folder: Path) -> float:
    files = sorted(folder.glob("*.png"))
    started = time.perf_counter()
    for file in files:
        Image.open(file).load()
    return len(files) / (time.perf_counter() - started)


def _speed(spec: str) -> float:
    load_corpus(spec)  # what is imported and set up once does not count
    started = time.perf_counter()
    corpus = load_corpus(spec)
    count = len(corpus.train) + (len(corpus.test) if corpus.test else 0)
    return count / (time.perf_counter() - started)
