#!/usr/bin/env python
"""Train a reader with Ray Train and publish it to the model store."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.console import Console

from jobs._cli import run
from jobs._console import open_console
from pipelines.corpora import load_corpus
from pipelines.errors import UsageError, check_range
from pipelines.files.atomic import check_file, write_json
from pipelines.models.store import ModelStore, store_location
from pipelines.models.version import check_name, check_new_name
from pipelines.ray_runtime.nodes import GPUS_TO_BE_HAD, can_be_had, free_nodes
from pipelines.ray_runtime.session import ray_session
from pipelines.training.capacity import plan_workers
from pipelines.training.line_task import LineTask
from pipelines.training.options import TrainingOptions
from pipelines.training.publishing import finish_run
from pipelines.training.recipes import recipe_named
from pipelines.training.run import Trained, prepare, train
from pipelines.training.run_folder import TrainingRunFolder, new_name, open_run, runs_folder
from pipelines.training.task import Task


@dataclass(frozen=True, kw_only=True)
class Train(TrainingOptions):
    """Train a reader with Ray Train and publish it to the model store.

    inkray train --corpus mnist --network ink --epochs 5

    inkray train --recipe ink     # reads paper as well as MNIST; takes one to three hours

    inkray train --recipe lines   # reads whole numbers at once

    ray job submit jobs/train.py  # in a clone, on the cluster that RAY_ADDRESS names
    """

    recipe: str | None = None
    """The recipe that sets every option not given: ink, which made the model that comes with inkray, or lines."""
    workers: int = 1
    """The number of data-parallel workers; each batch is divided among them."""
    cpus_per_worker: float | None = None
    """The CPUs of each worker; by default the free CPUs are divided among the workers."""
    gpus_per_worker: float = 0
    cuda_graph: bool = True
    """Launch each step as one CUDA graph; this applies to a single worker that has a GPU."""
    name: str | None = None
    """The name of the run, which must be new; by default it is made of network, corpus and time."""
    resume: bool = False
    """Continue the run NAME after its last complete epoch; the other options must be the same as at its start."""
    model: str | None = None
    """The name to publish the model under; by default the network's."""
    runs: Path | None = None
    """The folder that holds the runs, visible to every node; by default ~/inkray/runs."""
    store: str | None = None
    """The model store, a folder or a URI such as s3://bucket/models; by default INKRAY_STORE, else ~/inkray/store."""
    json: Path | None = None
    """Write every number of the result to this file."""

    def check(self) -> None:
        super().check()
        check_new_name(self.model or self.network)
        if self.resume and not self.name:
            raise UsageError("--resume needs the --name of the run to go on with.")
        if self.name:
            check_name("run name", self.name)
        check_range("workers", self.workers, at_least=1)
        check_range("cpus_per_worker", self.cpus_per_worker, above=0)
        check_range("gpus_per_worker", self.gpus_per_worker, at_least=0)
        if not can_be_had(self.gpus_per_worker):
            words = f"gpus_per_worker is {self.gpus_per_worker:.12g}; it must be {GPUS_TO_BE_HAD}."
            raise UsageError(words, option="gpus_per_worker")

    def learning(self) -> TrainingOptions:
        return TrainingOptions(**{field.name: getattr(self, field.name) for field in fields(TrainingOptions)})


def main(options: Train) -> None:
    options.check()
    if options.json:
        check_file(options.json)
    console = open_console()
    store = ModelStore(store_location(options.store))
    store.check_writable()
    recipe = options.learning()
    corpus = load_corpus(recipe.corpus)
    task = prepare(recipe, corpus, options.workers)
    name = options.name or new_name(recipe.network, recipe.corpus)
    with open_run(runs_folder(options.runs) / name, task.identity(options.workers), options.resume) as run:
        trained = _train(task, options, run, console)
        published = finish_run(trained, task, corpus, run, store, options.model or recipe.network)
    write_json(options.json, published.numbers)
    _print(console, f"published to {store}")
    _print(console, published.summary)


def _train(task: Task, options: Train, run: TrainingRunFolder, console: Console) -> Trained:
    """Train in a Ray session that lasts only as long as it is needed."""
    with ray_session():
        resources = plan_workers(
            free_nodes(), options.workers, options.cpus_per_worker, options.gpus_per_worker, options.cuda_graph
        )
        run.begin()
        _print(console, f"run {run.path.name} in {run.path.parent}")
        trained = train(task, resources, run, console)
        if isinstance(task, LineTask):
            task.draw_test(run.path)
        return trained


def _print(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)


def defaults_of(options: Train) -> Train | None:
    """The recipe's options as defaults, so that options on the command line override them."""
    if options.recipe is None:
        return None
    return Train(recipe=options.recipe, **asdict(recipe_named(options.recipe)))


def command() -> None:
    run(Train, main, defaults_of)


if __name__ == "__main__":
    command()
