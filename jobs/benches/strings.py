"""How well runs of digits without cells are read: drawn ones, or a folder with a list of answers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from tyro.conf import arg

from jobs.benches.string_fitting import fit_sureness, fit_weights, make_lattices
from pipelines import places
from pipelines.corpora import load_corpus
from pipelines.errors import DataError, UsageError
from pipelines.images import decode, to_model_input
from pipelines.line_reader import LineReader
from pipelines.recognizer import Recognizer
from pipelines.strings.line_reading import read_as_lines
from pipelines.strings.reading import Reader, StringReading, read_strings_of
from pipelines.strings.synthesis import WrittenString, draw_strings
from pipelines.writing import write_json

PART = 100
"""Strings read in one call."""
WANTED = 0.95
FIT_SEED, TEMPER_SEED = 1, 2


@dataclass(frozen=True)
class Score:
    strings: int
    exact: float
    accepted: float
    """The largest share that can be taken unseen, surest first, with `WANTED` of them right."""
    at: float
    """The confidence from which on."""
    said: float
    """The mean confidence, which should be near the exact share."""


@dataclass(frozen=True)
class StringBench:
    """The share of strings read exactly, and the share that can be accepted with 95 % of them right."""

    on: Annotated[str, arg(metavar="drawn|FOLDER|NAME")] = "drawn"
    """Strings drawn from a seed, or a folder with labels.csv (file, digits), here or among the named data."""
    count: int = 500
    """How many strings to draw; of a folder, all are read."""
    seed: int = 0
    corpora: tuple[str, ...] = ("mnist", "builtin")
    """Whose digits the drawn strings are made of: their training images for fitting, the others for measuring."""
    model: str = "builtin"
    threads: int | None = None
    lines: str | None = None
    """A model of the network lines, in the store, to read whole with in place of --model, which cuts."""
    fit: bool = False
    """Choose the weights and the line of sureness anew, on drawn strings alone, and print them."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        if self.fit:
            return self._fit()
        strings = list(self._strings())
        readings = self._read(strings)
        score = score_of(readings, [string.digits for string in strings])
        Console().print(
            f"{self.on}: {score.strings} strings, {score.exact:.1%} exact; from confidence {score.at:.3f} on "
            f"{score.accepted:.1%} can be accepted with {WANTED:.0%} of them right; mean confidence {score.said:.1%}"
        )
        write_json(self.json, asdict(score))
        return None

    def _read(self, strings: Sequence[WrittenString]) -> list[StringReading]:
        if self.lines:
            reader = LineReader(self.lines, self.threads)
            return [reading for images in _parts(strings) for reading in read_as_lines(images, reader)]
        with Recognizer(self.model, threads=self.threads) as recognizer:
            return read_all(strings, recognizer)

    def _strings(self) -> Iterator[WrittenString]:
        if self.on != "drawn":
            return labelled_strings(_folder(self.on))
        corpora = [load_corpus(name) for name in self.corpora]
        return draw_strings(self.count, self.seed, [corpus.test or corpus.train for corpus in corpora])

    def _fit(self) -> None:
        sources = [load_corpus(name).train for name in self.corpora]
        strings = list(draw_strings(self.count, FIT_SEED, sources))
        others = list(draw_strings(self.count, TEMPER_SEED, sources))
        with Recognizer(self.model, threads=self.threads) as recognizer:
            lattices = make_lattices(strings, reader_of(recognizer), recognizer.classes)
            readings = read_all(others, recognizer)
        weights, likelihood = fit_weights(lattices)
        Console().print(weights, f"mean log likelihood {likelihood:.3f}")
        right = np.array([one.value == other.digits for one, other in zip(readings, others, strict=True)])
        Console().print("sureness beside today's", fit_sureness(_confidences(readings), right))


def reader_of(recognizer: Recognizer) -> Reader:
    return lambda pictures: recognizer.read_prepared(to_model_input(pictures)).probabilities


def read_all(strings: Sequence[WrittenString], recognizer: Recognizer) -> list[StringReading]:
    read, classes = reader_of(recognizer), recognizer.classes
    return [reading for images in _parts(strings) for reading in read_strings_of(images, read, classes)]


def _parts(strings: Sequence[WrittenString]) -> Iterator[list[NDArray[np.uint8]]]:
    for start in range(0, len(strings), PART):
        yield [string.image for string in strings[start : start + PART]]


def labelled_strings(folder: Path) -> Iterator[WrittenString]:
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = next(
                (place for place in (folder / row["file"], folder / "images" / row["file"]) if place.is_file()), None
            )
            if path is None:
                raise DataError(f"{folder / 'labels.csv'} names {row['file']}, which is neither there nor in images/.")
            yield WrittenString(decode(path.read_bytes(), path), row["digits"])


def score_of(readings: Sequence[StringReading], answers: Sequence[str]) -> Score:
    right = np.array([reading.value == answer for reading, answer in zip(readings, answers, strict=True)])
    confidences = _confidences(readings)
    order = np.argsort(-confidences, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(precision >= WANTED)
    accepted = int(enough[-1]) + 1 if enough.size else 0
    at = float(confidences[order][accepted - 1]) if accepted else 1.0
    return Score(len(right), float(right.mean()), accepted / len(right), at, float(confidences.mean()))


def _confidences(readings: Sequence[StringReading]) -> NDArray[np.float64]:
    return np.array([reading.confidence for reading in readings])


def _folder(name: str) -> Path:
    for folder in (places.expanded(name), places.data() / name):
        if (folder / "labels.csv").is_file():
            return folder
    raise UsageError(f"There is no labels.csv in {name}, nor in {places.data() / name}; name a folder with one.")
