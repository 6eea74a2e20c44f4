"""How numbers in a picture are read, however it was cut out and whatever stands beside them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from pipelines.corpora import Split, load_corpus
from pipelines.evaluation.number_scenes import SCENES, draw_scenes
from pipelines.files.atomic import write_json
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.models.version import BUILTIN_LINES
from pipelines.strings.reading import ReadFrames, read_strings


@dataclass(frozen=True)
class SceneScore:
    scene: str
    pictures: int
    exact: float
    """The share of pictures in which the number alone is found, and read right."""
    nothing: float
    several: float
    milliseconds: float
    """The time on one thread that finding and reading take."""


@dataclass(frozen=True)
class NumberBench:
    """The share of pictures of one number that are read exactly, with what stands beside numbers on paper."""

    corpus: str = "mnist"
    """The corpus whose test digits the numbers are made of."""
    count: int = 200
    """Pictures of each kind."""
    seed: int = 0
    model: str = BUILTIN_LINES
    """A model of the network lines."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        corpus = load_corpus(self.corpus)
        source, reader = corpus.test or corpus.train, LineRecognizer(self.model, threads=1)
        scores = [score_scene(name, self.count, self.seed, source, reader) for name in SCENES]
        open_console().print(_table(scores))
        write_json(self.json, [asdict(score) for score in scores])


def score_scene(name: str, count: int, seed: int, source: Split, reader: ReadFrames) -> SceneScore:
    pictures = list(draw_scenes(name, count, seed, source))
    started = time.perf_counter()
    found = [[string.reading.value for string in read_strings(picture.image, reader)] for picture in pictures]
    seconds = time.perf_counter() - started
    return SceneScore(
        name,
        count,
        _share([values == [picture.digits] for values, picture in zip(found, pictures, strict=True)]),
        _share([not values for values in found]),
        _share([len(values) > 1 for values in found]),
        1e3 * seconds / count,
    )


def _share(marked: Sequence[bool]) -> float:
    return float(np.mean(marked))


def _table(scores: Sequence[SceneScore]) -> Table:
    table = Table("a number", "pictures", "exact", "nothing found", "several found", "each")
    for score in scores:
        shares = (f"{share:.1%}" for share in (score.exact, score.nothing, score.several))
        table.add_row(score.scene, f"{score.pictures:,}", *shares, f"{score.milliseconds:.1f} ms")
    return table
