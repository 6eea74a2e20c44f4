"""Learning to read whole numbers: its lines are drawn by the whole cluster, into the folder of the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.corpora.corpus import Corpus, Split
from pipelines.files.atomic import write_atomic
from pipelines.strings.line import HEIGHT
from pipelines.strings.samples import LONGEST, DrawnLine, draw_lines
from pipelines.training.data import split_validation
from pipelines.training.examples import Examples
from pipelines.training.losses import PADDING
from pipelines.training.options import TrainingOptions
from pipelines.training.ragged import Ragged
from pipelines.training.task import Material, Task

BLOCK = 500
"""Lines of one file, drawn by one process."""
MAX_VALIDATION, MAX_TEST = 2000, 2000
"""The most lines that are held back, and that are drawn of the corpus's test images."""
VALIDATION_SHARE = 0.05
FIRST_VALIDATION, FIRST_TEST = 1_000_000, 2_000_000
"""Blocks of these numbers and above; no two blocks are the same."""
USUAL = {"mean": 0.12, "deviation": 0.28}
"""The brightness of lines, from 0 to 1."""


@dataclass(frozen=True)
class LineBlock:
    """All that determines which lines are drawn."""

    number: int
    lines: int
    seed: int
    junk: float


@dataclass(frozen=True)
class LineTask(Task):
    options: TrainingOptions
    description: dict[str, Any]
    training: Split
    """The digits of which the lines to learn from are made; the pen's are added."""
    validation: Split
    test: Split | None

    @classmethod
    def prepare(cls, options: TrainingOptions, corpus: Corpus) -> LineTask:
        training, validation = split_validation(corpus.train.prepared(), options.validation, options.seed)
        description = {"network": options.network, "classes": len(options.classes()), **USUAL}
        return cls(options, description, training, validation, corpus.test and corpus.test.prepared())

    def __len__(self) -> int:
        return self.options.lines

    def images(self) -> dict[str, Any]:
        return {"training": self.training.fingerprint(), "held": self.validation.fingerprint()}

    def material(self, folder: Path) -> Material:
        learning = self._drawn(folder, self.training, 0, self.options.lines)
        return _Files(learning, self._drawn(folder, self.validation, FIRST_VALIDATION, self._validation_count()))

    def validation_examples(self, folder: Path) -> Examples:
        return _examples(_paths(folder, self._blocks(FIRST_VALIDATION, self._validation_count())))

    def draw_test(self, folder: Path) -> None:
        """Of the corpus's test digits, if it has such; within Ray."""
        if self.test is not None:
            self._drawn(folder, self.test, FIRST_TEST, self._test_count())

    def test_lines(self, folder: Path) -> list[DrawnLine]:
        """What was drawn to be read once, when all is decided."""
        blocks = [] if self.test is None else self._blocks(FIRST_TEST, self._test_count())
        return _read(_paths(folder, blocks))

    def _test_count(self) -> int:
        return min(MAX_TEST, self.options.lines)

    def _validation_count(self) -> int:
        return min(MAX_VALIDATION, max(1, round(VALIDATION_SHARE * self.options.lines)))

    def _blocks(self, first: int, lines: int) -> list[LineBlock]:
        starts = range(0, lines, BLOCK)
        return [
            LineBlock(first + number, min(BLOCK, lines - start), self.options.seed, self.options.junk)
            for number, start in enumerate(starts)
        ]

    def _drawn(self, folder: Path, digits: Split, first: int, lines: int) -> list[Path]:
        """The files of these lines; those that are there already were drawn before the run was interrupted."""
        blocks = self._blocks(first, lines)
        paths = _paths(folder, blocks)
        paths[0].parent.mkdir(exist_ok=True)
        images, labels = ray.put(digits.images), ray.put(digits.labels)
        missing = [(block, path) for block, path in zip(blocks, paths, strict=True) if not path.exists()]
        ray.get([_draw.remote(block, path, images, labels) for block, path in missing])
        return paths


@dataclass(frozen=True)
class _Files(Material):
    """Lines in files, in a folder that every node sees."""

    learning: Sequence[Path]
    validation: Sequence[Path]

    def load(self, device: torch.device) -> tuple[Examples, Examples]:
        return _examples(self.learning, device), _examples(self.validation, device)


@ray.remote
def _draw(block: LineBlock, path: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    lines = draw_lines(block.lines, (block.seed, block.number), Split(images, labels), block.junk)
    table = pa.table({"line": [line.picture.tobytes() for line in lines], "digits": [line.digits for line in lines]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_atomic(path, sink.getvalue().to_pybytes())


def _paths(folder: Path, blocks: Iterable[LineBlock]) -> list[Path]:
    return [folder / "lines" / f"{block.number:07d}.parquet" for block in blocks]


def _read(paths: Iterable[Path]) -> list[DrawnLine]:
    lines = []
    for path in paths:
        table = pq.read_table(path)
        for pixels, digits in zip(table["line"], table["digits"].to_pylist(), strict=True):
            lines.append(DrawnLine(np.frombuffer(pixels.as_buffer(), np.uint8).reshape(HEIGHT, -1), digits))
    return lines


def _examples(paths: Iterable[Path], device: torch.device | str = "cpu") -> Examples:
    lines = _read(paths)
    return Examples(
        Ragged([line.picture for line in lines], device), labels_of([line.digits for line in lines]).to(device)
    )


def labels_of(values: Sequence[str]) -> Tensor:
    """[N, most digits], padded."""
    labels = torch.full((len(values), LONGEST), PADDING)
    for row, value in zip(labels, values, strict=True):
        row[: len(value)] = torch.tensor([int(digit) for digit in value], dtype=torch.long)
    return labels
