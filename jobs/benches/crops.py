"""How digits are read, and what preparing them costs, however they were cut out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, TypeVar

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
from pipelines.inference.second_opinion import Asked

NONE = "none"
AS_THEY_ARE = "as they are"
SURE = 0.9
"""From this confidence on, a `none` is a confident one."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class CropScore:
    crop: str
    digits: int
    accuracy: float
    sure_none: float
    """The share that is surely no digit, though each is one."""
    prepare_us: float
    """The time on one core that the preparation of a digit takes, in microseconds."""
    alone: float
    """The accuracy without a second opinion."""
    seconded: float
    """The share that a second opinion decided."""
    second_us: float
    """The time that second opinions take, for each digit of the row, in microseconds on one core."""


@dataclass(frozen=True)
class CropBench:
    """The share of digits read right in pictures that were cut out in many ways."""

    corpus: str = "mnist"
    """The corpus whose test digits are cut out."""
    count: int = 10_000
    """How many of them, at most."""
    seed: int = 0
    model: str = "builtin"
    second_opinion: Asked = "auto"
    """Whether the model of lines reads what the model is unsure of: always, never, or auto: with the model builtin."""
    threads: int | None = None
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        corpus = load_corpus(self.corpus)
        whole = corpus.test or corpus.train
        digits = Split(whole.images[: self.count], whole.labels[: self.count])
        with Recognizer(self.model, threads=self.threads, second_opinion=self.second_opinion) as reader:
            # The reader of lines is opened where it is first asked, which is no part of what a digit costs.
            score_of(reader, Split(digits.images[:100], digits.labels[:100]), "neighbours", self.seed)
            scores = [score_of(reader, digits, name, self.seed) for name in (AS_THEY_ARE, *CROPS)]
        open_console().print(_table(scores))
        write_json(self.json, [asdict(score) for score in scores])


def score_of(reader: Recognizer, digits: Split, name: str, seed: int) -> CropScore:
    pictures = digits.images if name == AS_THEY_ARE else cropped(digits.images, name, seed)
    truth = np.array(digits.labels).astype(str)
    images, prepare_us = _timed(lambda: to_model_input(pictures), len(digits))
    alone = reader.read_prepared(images)
    reading, second_us = _timed(lambda: reader.second_look(images, alone), len(digits))
    return CropScore(
        crop=name,
        digits=len(digits),
        accuracy=_share(reading.labels == truth),
        sure_none=_share((reading.labels == NONE) & (reading.confidences >= SURE)),
        prepare_us=prepare_us,
        alone=_share(alone.labels == truth),
        seconded=0.0 if reading.seconded is None else _share(reading.seconded),
        second_us=second_us,
    )


def _timed(work: Callable[[], Result], count: int) -> tuple[Result, float]:
    """What comes of it, and the time that it takes on one core, in microseconds for each of so many."""
    started = time.thread_time()
    result = work()
    return result, 1e6 * (time.thread_time() - started) / count


def _share(marked: NDArray[np.bool_]) -> float:
    return float(marked.mean())


def _table(scores: list[CropScore]) -> Table:
    columns = ("crop", "digits", "alone", "right", "surely none", "preparation", "seconded", "second opinion")
    table = Table(*columns, title="digits, however they were cut out")
    for score in scores:
        table.add_row(
            score.crop, f"{score.digits:,}", f"{score.alone:.2%}", f"{score.accuracy:.2%}", f"{score.sure_none:.2%}",
            f"{score.prepare_us:,.0f} us", f"{score.seconded:.1%}", f"{score.second_us:,.1f} us",
        )  # fmt: skip
    return table
