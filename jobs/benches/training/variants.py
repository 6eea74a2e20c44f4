"""Ablations: a recipe trained again with other seeds, or without one of its effects."""

from __future__ import annotations

import json
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from jobs.benches.job import run_job
from pipelines.errors import UsageError
from pipelines.files.atomic import write_json
from pipelines.training.options import TrainingOptions
from pipelines.training.recipes import recipe_named

Row = dict[str, Any]


@dataclass(frozen=True)
class VariantsBench:
    """Train a recipe with each seed, whole and with each of the effects left out, and read every set with each model.

    inkray bench variants --seeds 0 1 2 3 4 --json seeds.json

    inkray bench variants --epochs 6 --without lines width,hollow --json effects.json
    """

    json: Annotated[Path, arg(metavar="FILE")]
    """Every number, written after each model; what stands there already is not trained again."""
    recipe: str = "ink"
    corpus: str | None = None
    """Learn from this, in place of the recipe's corpus."""
    epochs: int | None = None
    """Train so many epochs, in place of the recipe's; the average of the weights is shortened in proportion."""
    seeds: tuple[int, ...] = (0,)
    without: tuple[str, ...] = ()
    """What to leave out, each in a training of its own: effects of paper, with commas between those that go together,
    or drawn or junk, which the recipe mixes in."""
    on: tuple[str, ...] = ("mnist",)
    """The sets to read: mnist, builtin, idx:IMAGES,LABELS, folder:PATH or parquet:PATH."""

    def run(self) -> None:
        recipe = recipe_named(self.recipe)
        settings = {"epochs": self.epochs or recipe.epochs, "corpus": self.corpus or recipe.corpus, "on": list(self.on)}
        rows = self._measured_before(settings)
        wanted = [(without, seed) for without in ("", *self.without) for seed in self.seeds]
        trainings = [_training(recipe, self.epochs, self.corpus, seed, without) for without, seed in wanted]
        # Otherwise a typo in the last of them would be reported hours later.
        for options in trainings:
            replace(recipe, without=options.get("without", ""), seed=int(options["seed"])).check()
        done = {(row["without"], row["seed"]) for row in rows}
        for (without, seed), options in zip(wanted, trainings, strict=True):
            if (without, seed) not in done:
                rows.append({"seed": seed, "without": without, **settings, "read": self._trained_and_read(options)})
                write_json(self.json, rows)
                open_console().print(_sentence(rows[-1]), highlight=False, soft_wrap=True)
        open_console().print(_table(rows, self.on))

    def _measured_before(self, settings: dict[str, Any]) -> list[Row]:
        rows: list[Row] = json.loads(self.json.read_text()) if self.json.exists() else []
        if any({name: row[name] for name in settings} != settings for row in rows):
            raise UsageError(f"--json {self.json} holds figures of other epochs or sets; name another file.")
        return rows

    def _trained_and_read(self, options: dict[str, str]) -> list[Row]:
        with tempfile.TemporaryDirectory(prefix="inkray-") as folder:
            kept = ["--store", f"{folder}/store"]
            words = [word for name, value in options.items() for word in (f"--{name}", value)]
            run_job("train.py", "--recipe", self.recipe, *words, "--runs", folder, "--model", "variant", *kept)
            for number, spec in enumerate(self.on):
                out = ["--out", f"{folder}/{number}", "--engine", "pytorch"]
                run_job("evaluate.py", "--model", "variant", "--on", spec, *out, *kept)
            return [json.loads(Path(folder, str(one), "scores.json").read_text()) for one in range(len(self.on))]


def _training(
    recipe: TrainingOptions, epochs: int | None, corpus: str | None, seed: int, without: str
) -> dict[str, str]:
    """The options of jobs/train.py beside the recipe's own."""
    options = {"seed": str(seed)}
    if corpus:
        options["corpus"] = corpus
    if epochs:
        # The average must not reach further back than the same part of the training.
        options["epochs"], options["ema"] = str(epochs), str(max(0.0, 1 - (1 - recipe.ema) * recipe.epochs / epochs))
    mixed = [name for name in without.split(",") if name in ("drawn", "junk")]
    options |= dict.fromkeys(mixed, "0")
    if effects := ",".join(name for name in without.split(",") if name not in mixed):
        options["without"] = effects
    return options


def _sentence(row: Row) -> str:
    numbers = ", ".join(f"{read['on']} {read['accuracy'] * 100:.2f} %" for read in row["read"])
    return f"seed {row['seed']}, {'without ' + row['without'] if row['without'] else 'whole'}: {numbers}"


def _table(rows: list[Row], on: tuple[str, ...]) -> Table:
    """Means over the seeds, with their standard deviation if there are several."""
    table = Table("", "seeds", *on)
    for without in dict.fromkeys(row["without"] for row in rows):
        seeds = [row for row in rows if row["without"] == without]
        accuracies = [[row["read"][place]["accuracy"] * 100 for row in seeds] for place in range(len(on))]
        title = f"without {without}" if without else "whole"
        table.add_row(title, str(len(seeds)), *(_spread(one) for one in accuracies))
    return table


def _spread(values: list[float]) -> str:
    deviation = f" (sd {statistics.stdev(values):.2f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f} %{deviation}"
