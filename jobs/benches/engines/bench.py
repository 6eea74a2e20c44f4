"""Engine speed: each engine as inkray holds it, beside the bare library call and eager PyTorch."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from jobs.benches.engines.rivals import RIVALS
from jobs.benches.timing import Call, speed
from jobs.benches.turns import check_turns
from pipelines.corpora import load_corpus
from pipelines.files.atomic import write_json
from pipelines.inference.engines import open_engine
from pipelines.inference.engines.base import Engine
from pipelines.inference.engines.pytorch import PyTorchEngine
from pipelines.inference.engines.threads import available_threads
from pipelines.models.folder import ModelFolder, open_model
from pipelines.networks.weights import load_reader

CASES = {
    "fp32": (("pytorch", "fp32"), ("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16")),
    "fp16": (("onnxruntime", "fp16"),),
    "int8": (("onnxruntime", "int8"), ("openvino", "int8")),
}
"""Engines and precisions, by the graph that they need."""


@dataclass(frozen=True)
class EngineRow:
    engine: str
    precision: str
    batch: int
    ours: float
    bare: float


@dataclass(frozen=True)
class EngineBench:
    """Images a second by engine, precision and batch, beside the library called by hand on the same graph."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")]
    """A converted model of the store; what it was not converted to is left out."""
    batches: tuple[int, ...] = (1, 64, 256, 4096)
    rounds: int = 5
    """Turns of each, in alternation; the median counts."""
    seconds: float = 0.4
    """How long a turn lasts."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        check_turns(self.batches, self.rounds, self.seconds)
        console, model = open_console(), open_model(self.model)
        images = load_corpus("builtin").train.images
        rows = [row for batch in self.batches for row in self._measure(model, images[:batch])]
        console.print(_table(rows, model.reference))
        write_json(self.json, [asdict(row) for row in rows])

    def _measure(self, model: ModelFolder, images: NDArray[np.uint8]) -> Iterator[EngineRow]:
        for name, precision in (case for graph in model.precisions for case in CASES[graph]):
            with _open(name, model, precision) as engine:
                bare = RIVALS[name](model, precision, available_threads())
                ours, rival = self._alternate((_run(engine), bare), images)
                yield EngineRow(name, precision, len(images), ours, rival)

    def _alternate(self, calls: tuple[Call, ...], images: NDArray[np.uint8]) -> list[float]:
        speeds: list[list[float]] = [[] for _ in calls]
        for turn in range(self.rounds + 1):
            for call, found in zip(calls, speeds, strict=True):
                measured = speed(call, images, self.seconds)
                if turn:  # the first is a warm-up
                    found.append(measured)
        return [statistics.median(found) for found in speeds]


def _open(name: str, model: ModelFolder, precision: str) -> Engine:
    if name == "pytorch":
        # It would take a GPU where there is one, and all the others here are on the CPU.
        return PyTorchEngine(load_reader(model.path), available_threads(), "cpu")
    return open_engine(name, model, precision)


def _run(engine: Engine) -> Call:
    return engine.run


def _table(rows: list[EngineRow], reference: str) -> Table:
    eager = {row.batch: row.ours for row in rows if row.engine == "pytorch"}
    table = Table("batch", "engine", "precision", "images/s", "bare call", "ours / bare", "against eager PyTorch")
    table.title = f"{reference}, {available_threads()} threads"
    for row in rows:
        table.add_row(
            str(row.batch),
            row.engine,
            row.precision,
            f"{row.ours:,.0f}",
            f"{row.bare:,.0f}",
            f"{row.ours / row.bare:.2f}",
            f"{row.ours / eager[row.batch]:.1f} times" if row.batch in eager else "",
        )
    return table
