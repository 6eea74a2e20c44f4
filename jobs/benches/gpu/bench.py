"""Speed on a GPU: inkray's engines and their rivals, beside what the card and its bus allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from tyro.conf import arg

from jobs._console import open_console
from jobs.benches.gpu import tables as tables
from jobs.benches.gpu.actors import ActorSpec, speed_of
from jobs.benches.gpu.card import card
from jobs.benches.gpu.contenders import Contender, contenders, our_names, with_half
from jobs.benches.gpu.limits import measure_limits
from jobs.benches.gpu.tables import GpuRow
from jobs.benches.gpu.training import train_often
from jobs.benches.timing import median_seconds, median_speed
from jobs.benches.turns import check_counts, check_turns
from pipelines.corpora import load_corpus
from pipelines.errors import InkrayError, UsageError, first_line
from pipelines.files.atomic import write_json
from pipelines.models.folder import ModelFolder, open_model
from pipelines.networks.weights import load_reader
from pipelines.training.options import TrainingOptions


@dataclass(frozen=True)
class GpuBench:
    """Images a second on a GPU by engine and batch, host to host and on the card alone, beside what copying and
    arithmetic allow; several actors on one GPU; or, with --training, the time that training takes."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")] = "builtin"
    """A converted model of the store."""
    batches: tuple[int, ...] = (1, 64, 1024, 16384)
    rounds: int = 5
    """Turns of each, after one for warm-up; the median counts."""
    seconds: float = 0.5
    """How long a turn lasts."""
    actors: tuple[int, ...] = (1, 4)
    """How many processes share the GPU."""
    training: bool = False
    """Train on MNIST instead, once for each seed."""
    target: float = 0.994
    """The mean accuracy on the test images that the trainings must reach."""
    epochs: int = 5
    """Epochs of each training; raise this if the target is missed."""
    seeds: int = 10
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        check_turns(self.batches, self.rounds, self.seconds)
        check_counts("seeds", [self.seeds])
        check_counts("epochs", [self.epochs])
        if self.actors:
            check_counts("actors", self.actors)
        if not torch.cuda.is_available():
            raise UsageError("This bench needs a CUDA GPU that PyTorch can use, and there is none here.")
        console = open_console()
        console.print(tables.card_table(about := card()))
        measured = self._train(console) if self.training else self._read(console)
        write_json(self.json, {"card": about, **measured})

    def _read(self, console: Console) -> dict[str, Any]:
        with with_half(open_model(self.model)) as model:
            return self._measured(model, console)

    def _measured(self, model: ModelFolder, console: Console) -> dict[str, Any]:
        limits = measure_limits(load_reader(model.path))
        report = Report(console)
        rows = list(self._measure(model, report))
        console.print(tables.speed_table(rows, limits, model.reference))
        shared = dict(self._share(model, report))
        console.print(tables.actor_table(shared, max(self.batches)))
        console.print(tables.goal_table(tables.speed_goals(rows, limits)))
        shared_rows = [
            {"engine": name, "actors": actors, "images_per_second": s} for (name, actors), s in shared.items()
        ]
        return {
            "limits": asdict(limits),
            "rows": list(map(asdict, rows)),
            "shared": shared_rows,
            "missing": report.missing,
        }

    def _measure(self, model: ModelFolder, report: Report) -> Iterator[GpuRow]:
        images = np.resize(load_corpus("builtin").train.images, (max(self.batches), 28, 28))
        for name, opened in contenders().items():
            try:
                with opened(model) as contender:
                    for batch in self.batches:
                        yield self._row(name, contender, images[:batch])
            except (InkrayError, RuntimeError) as error:
                report.missed(name, error)

    def _row(self, name: str, contender: Contender, images: NDArray[np.uint8]) -> GpuRow:
        return GpuRow(
            _labelled(name, contender.precision),
            contender.ours,
            len(images),
            median_speed(contender.read, images, self.seconds, self.rounds),
            median_speed(contender.on_card, images, self.seconds, self.rounds),
            median_seconds(contender.read, images, self.seconds),
        )

    def _share(self, model: ModelFolder, report: Report) -> Iterator[tuple[tuple[str, int], float]]:
        for name in our_names():
            for actors in self.actors:
                try:
                    spec = ActorSpec(model.path, name, max(self.batches), self.seconds * self.rounds)
                    found = speed_of([spec] * actors)
                    yield (_labelled(name, found.precision), actors), found.images_per_second
                except (InkrayError, RuntimeError) as error:
                    report.missed(f"{name}, {actors} actors", error)

    def _train(self, console: Console) -> dict[str, Any]:
        options = TrainingOptions(epochs=self.epochs)
        runs = train_often(options, load_corpus(options.corpus), torch.device("cuda"), self.seeds)
        console.print(tables.training_table(runs, options))
        console.print(tables.goal_table(tables.training_goals(runs, self.target)))
        return {"options": asdict(options), "runs": [asdict(run) for run in runs.each]}


def _labelled(name: str, precision: str) -> str:
    return f"{name}, {precision}" if precision else name


@dataclass
class Report:
    """What could not be measured, and why: printed at once, and kept for the JSON file."""

    console: Console
    missing: dict[str, str] = field(default_factory=dict)

    def missed(self, name: str, error: Exception) -> None:
        self.missing[name] = first_line(error)
        self.console.print(f"not measured: {name}: {self.missing[name]}", highlight=False, soft_wrap=True)
