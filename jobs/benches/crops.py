"""How digits are read, and what preparing them costs, however they were cut out."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from pipelines.corpora import Split, load_corpus
from pipelines.evaluation.crops import CROPS, cropped
from pipelines.files.atomic import write_json
from pipelines.images import to_model_input
from pipelines.inference.recognizer import Recognizer

NONE = "none"
SURE = 0.9
"""From this confidence on, a `none` is a confident one."""


@dataclass(frozen=True)
class CropScore:
    crop: str
    digits: int
    accuracy: float
    sure_none: float
    """The share that is surely no digit, though each is one."""
    prepare_us: float
    """The time on one core that the preparation of a digit takes, in microseconds."""


@dataclass(frozen=True)
class CropBench:
    """The share of digits read right in pictures that were cut out in many ways."""

    corpus: str = "mnist"
    """The corpus whose test digits are cut out."""
    count: int = 10_000
    """How many of them, at most."""
    seed: int = 0
    model: str = "builtin"
    threads: int | None = None
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        corpus = load_corpus(self.corpus)
        whole = corpus.test or corpus.train
        digits = Split(whole.images[: self.count], whole.labels[: self.count])
        with Recognizer(self.model, threads=self.threads) as reader:
            scores = [score_of(reader, digits, name, self.seed) for name in CROPS]
        open_console().print(_table(scores))
        write_json(self.json, [asdict(score) for score in scores])


def score_of(reader: Recognizer, digits: Split, name: str, seed: int) -> CropScore:
    pictures = cropped(digits.images, name, seed)
    started = time.thread_time()
    images = to_model_input(pictures)
    seconds = time.thread_time() - started
    reading = reader.read_prepared(images)
    right = reading.labels == np.array(digits.labels).astype(str)
    sure_none = (reading.labels == NONE) & (reading.confidences >= SURE)
    return CropScore(name, len(digits), _share(right), _share(sure_none), 1e6 * seconds / len(digits))


def _share(marked: NDArray[np.bool_]) -> float:
    return float(marked.mean())


def _table(scores: list[CropScore]) -> Table:
    table = Table("crop", "digits", "right", "surely none", "preparation", title="digits, however they were cut out")
    for score in scores:
        table.add_row(
            score.crop, f"{score.digits:,}", f"{score.accuracy:.2%}", f"{score.sure_none:.2%}",
            f"{score.prepare_us:,.0f} us",
        )  # fmt: skip
    return table
