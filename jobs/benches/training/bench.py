"""Training speed: the Ray Train loop against the loops people write by hand."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from jobs.benches.job import run_job
from jobs.benches.training.rivals import by_hand, usual_loader
from pipelines.files.atomic import write_json

BATCH = 256


@dataclass(frozen=True)
class Result:
    name: str
    speeds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.speeds)


@dataclass(frozen=True)
class TrainBench:
    """Images a second of `inkray train` with one worker and with two, against a loop written by hand with the same
    network, batch and precision, and, with nothing augmented as it has nothing, against the usual DataLoader +
    ToTensor + Normalize loop at batch 64."""

    networks: tuple[str, ...] = ("ink", "small")
    corpus: str = "builtin"
    epochs: int = 3
    """Epochs of each turn; the first is a warm-up and does not count."""
    rounds: int = 2
    """Turns of each rival, in alternation, so that a drift of the machine's speed meets all of them."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        console, everything = open_console(), []
        for network in self.networks:
            results = self._measure(network, console)
            console.print(_table(network, results))
            everything += [{"network": network, "name": r.name, "images_per_second": r.speeds} for r in results]
        write_json(self.json, everything)

    def _measure(self, network: str, console: Console) -> list[Result]:
        cores = len(os.sched_getaffinity(0))
        rivals: dict[str, Callable[[], list[float]]] = {
            f"by hand, {cores} threads": partial(by_hand, network, self.corpus, self.epochs, BATCH, cores),
            "inkray, 1 worker": partial(_ours, network, self.corpus, self.epochs, 1),
            "inkray, 2 workers": partial(_ours, network, self.corpus, self.epochs, 2),
            "inkray, 1 worker, nothing augmented": partial(
                _ours, network, self.corpus, self.epochs, 1, "--augment", "none"
            ),
            "usual DataLoader loop, batch 64": partial(
                usual_loader, network, self.corpus, max(2, self.epochs - 1), cores
            ),
        }
        speeds: dict[str, list[float]] = {name: [] for name in rivals}
        for turn in range(self.rounds):
            for name, measure in rivals.items():
                speeds[name] += measure()
                console.print(f"{network}, round {turn + 1}: {name}: {statistics.median(speeds[name]):,.0f} images/s")
        return [Result(name, values) for name, values in speeds.items()]


def _ours(network: str, corpus: str, epochs: int, workers: int, *more: str) -> list[float]:
    """Run the job as a user starts it; its history holds the speed of each epoch."""
    with tempfile.TemporaryDirectory(prefix="inkray-") as folder:
        numbers = Path(folder, "numbers.json")
        what = ("--network", network, "--corpus", corpus, "--epochs", str(epochs), "--batch", str(BATCH))
        where = ("--runs", folder, "--store", f"{folder}/store", "--json", numbers)
        run_job("train.py", *what, "--workers", str(workers), *where, *more)
        return [row["images_per_second"] for row in json.loads(numbers.read_text())["history"][1:]]


def _table(network: str, results: list[Result]) -> Table:
    hand, one, two, plain, usual = results
    rivals = ((hand, None), (one, hand), (two, hand), (plain, usual), (usual, None))
    table = Table("", "images/s (median)", "min-max", "ratio", title=f"training {network}, batch {BATCH}")
    for result, rival in rivals:
        ratio = f"{result.median / rival.median:.2f} of {rival.name}" if rival else ""
        spread = f"{min(result.speeds):,.0f}-{max(result.speeds):,.0f}"
        table.add_row(result.name, f"{result.median:,.0f}", spread, ratio)
    return table
