"""Accuracy on numbers without cells: synthetic ones, or a folder with a list of answers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from tyro.conf import arg

from jobs._console import open_console
from pipelines.corpora import load_corpus
from pipelines.errors import DataError, UsageError
from pipelines.files import paths
from pipelines.files.atomic import write_json
from pipelines.images import decode
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.models.version import BUILTIN_LINES
from pipelines.strings.reading import NOTHING, FoundString, ReadFrames, StringReading, read_strings
from pipelines.strings.synthesis import WrittenString, draw_strings

WANTED = 0.95


@dataclass(frozen=True)
class StringScore:
    strings: int
    exact: float
    accepted: float
    """The largest share that can be accepted unseen, surest first, with `WANTED` of them right."""
    at: float
    """The confidence from which on they are accepted."""
    mean_confidence: float
    """The mean confidence, which should be near the exact share."""


@dataclass(frozen=True)
class StringBench:
    """The share of strings read exactly, and the share that can be accepted with 95 % of them right."""

    on: Annotated[str, arg(metavar="drawn|FOLDER|NAME")] = "drawn"
    """Strings drawn from a seed, or a folder with labels.csv (file, digits), here or among the named data."""
    count: int = 500
    """How many strings to draw; a folder is read completely."""
    seed: int = 0
    corpora: tuple[str, ...] = ("mnist", "builtin")
    """The corpus whose test digits the drawn strings are made of."""
    model: str = BUILTIN_LINES
    """A model of the network lines."""
    threads: int | None = None
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        strings = list(self._strings())
        readings = read_all(strings, LineRecognizer(self.model, self.threads))
        score = score_of(readings, [string.digits for string in strings])
        open_console().print(
            f"{self.on}: {score.strings} strings, {score.exact:.1%} exact; from confidence {score.at:.3f} on "
            f"{score.accepted:.1%} can be accepted with {WANTED:.0%} of them right; "
            f"mean confidence {score.mean_confidence:.1%}"
        )
        write_json(self.json, asdict(score))

    def _strings(self) -> Iterator[WrittenString]:
        if self.on != "drawn":
            return labelled_strings(_folder(self.on))
        corpora = [load_corpus(name) for name in self.corpora]
        return draw_strings(self.count, self.seed, [corpus.test or corpus.train for corpus in corpora])


def read_all(strings: Sequence[WrittenString], reader: ReadFrames) -> list[StringReading]:
    """Read pictures of one number each, as a program reads any picture."""
    return [_one_of(read_strings(string.image, reader)) for string in strings]


def _one_of(found: Sequence[FoundString]) -> StringReading:
    """The only number; none or several are no number, and as sure as the surest of them."""
    if len(found) == 1:
        return found[0].reading
    return replace(NOTHING, confidence=max((one.reading.confidence for one in found), default=0.0))


def labelled_strings(folder: Path) -> Iterator[WrittenString]:
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = next(
                (place for place in (folder / row["file"], folder / "images" / row["file"]) if place.is_file()), None
            )
            if path is None:
                raise DataError(f"{folder / 'labels.csv'} names {row['file']}, which is neither there nor in images/.")
            yield WrittenString(decode(path.read_bytes(), path), row["digits"])


def score_of(readings: Sequence[StringReading], answers: Sequence[str]) -> StringScore:
    right = np.array([reading.value == answer for reading, answer in zip(readings, answers, strict=True)])
    confidences = _confidences(readings)
    order = np.argsort(-confidences, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(precision >= WANTED)
    accepted = int(enough[-1]) + 1 if enough.size else 0
    at = float(confidences[order][accepted - 1]) if accepted else 1.0
    return StringScore(len(right), float(right.mean()), accepted / len(right), at, float(confidences.mean()))


def _confidences(readings: Sequence[StringReading]) -> NDArray[np.float64]:
    return np.array([reading.confidence for reading in readings])


def _folder(name: str) -> Path:
    for folder in (paths.expanded(name), paths.data() / name):
        if (folder / "labels.csv").is_file():
            return folder
    raise UsageError(f"There is no labels.csv in {name}, nor in {paths.data() / name}; name a folder with one.")
