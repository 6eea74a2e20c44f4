#!/usr/bin/env python
"""Train a reader with Ray Train and publish it to the model store."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console

from jobs._cli import run
from pipelines import pictures, places
from pipelines.corpora import Corpus, load_corpus
from pipelines.engines.pytorch import PyTorchEngine
from pipelines.engines.threads import available_threads
from pipelines.errors import UsageError
from pipelines.evaluation import evaluate, write_history
from pipelines.metrics import Scores
from pipelines.model_store import ModelStore
from pipelines.model_version import check_new_name
from pipelines.publishing import publish
from pipelines.ray_session import ray_session
from pipelines.training.calibration import calibrate
from pipelines.training.checkpoint import load_reader, save_weights
from pipelines.training.options import TrainingOptions
from pipelines.training.recipes import recipe_named
from pipelines.training.run import Crew, Task, Trained, finish_run, new_name, open_run, prepare, train


@dataclass(frozen=True, kw_only=True)
class Train(TrainingOptions):
    """Train a reader with Ray Train and publish it to the model store.

    python jobs/train.py --corpus mnist --network ink --epochs 5

    python jobs/train.py --recipe ink   # on paper as on MNIST, in up to two hours

    ray job submit jobs/train.py        # on the cluster that RAY_ADDRESS names
    """

    recipe: str | None = None
    """Take every option that is not given from a recipe: ink, which made the model that comes with inkray."""
    workers: int = 1
    """Data-parallel workers; each batch is shared among them."""
    cpus_per_worker: float | None = None
    """CPUs of each worker; by default this machine's, shared evenly."""
    gpus_per_worker: float = 0
    cuda_graph: bool = True
    """A worker that has a GPU and is alone launches each step as one CUDA graph."""
    name: str | None = None
    """The run's name, once only; by default made of network, corpus and time."""
    resume: bool = False
    """Go on with the run NAME after its last whole epoch; the other options must be those it began with."""
    model: str | None = None
    """Under which name to publish; by default the network's."""
    runs: Path | None = None
    """Where runs are kept, a folder that every node sees; by default ~/inkray/runs."""
    store: str | None = None
    """The model store, a folder or an URI such as s3://bucket/models; by default INKRAY_STORE, else ~/inkray/store."""
    json: Path | None = None
    """Write every number of the result to this file."""

    def check(self) -> None:
        super().check()
        check_new_name(self.model or self.network)
        if self.resume and not self.name:
            raise UsageError("--resume needs the --name of the run to go on with.")
        if self.workers < 1:
            raise UsageError(f"--workers is {self.workers}; it must be at least 1.")

    def learning(self) -> TrainingOptions:
        return TrainingOptions(**{field.name: getattr(self, field.name) for field in fields(TrainingOptions)})

    def crew(self) -> Crew:
        mine = len(os.sched_getaffinity(0))
        cpus = self.cpus_per_worker if self.cpus_per_worker is not None else max(1, mine // self.workers)
        return Crew(self.workers, cpus, self.gpus_per_worker, self.cuda_graph)


def main(options: Train) -> None:
    options.check()
    console = Console()
    store = ModelStore(options.store) if options.store else ModelStore.default()
    store.check_writable()
    recipe = options.learning()
    corpus, crew = load_corpus(recipe.corpus), options.crew()
    task = prepare(recipe, corpus, crew)
    name = options.name or new_name(recipe.network, recipe.corpus)
    folder = places.folder(options.runs or places.home() / "runs", "runs") / name
    open_run(folder, recipe, options.resume)
    console.print(f"run {name} in {folder.parent}", highlight=False, soft_wrap=True)
    with ray_session():
        trained = train(task, crew, folder, console)
    temperature = _calibrate(trained, task) if recipe.calibrate else None
    scores = draw_and_score(trained, corpus, recipe.classes())
    version = publish(store, options.model or recipe.network, trained, recipe, corpus, scores, temperature)
    numbers = _numbers(version.reference, recipe, trained, scores)
    finish_run(folder, numbers)
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=2))
    console.print(f"published to {store}", highlight=False, soft_wrap=True)
    console.print(_last_line(version.reference, trained, scores), highlight=False, soft_wrap=True)


def defaults_of(options: Train) -> Train | None:
    """The recipe's options as the defaults, so that what stands on the command line is heeded beside it."""
    if options.recipe is None:
        return None
    return Train(recipe=options.recipe, **asdict(recipe_named(options.recipe)))


def _calibrate(trained: Trained, task: Task) -> float:
    reader = load_reader(trained.folder)
    temperature = calibrate(reader, task.held, task.options)
    save_weights(trained.folder, task.description, reader)
    return temperature


def draw_and_score(trained: Trained, corpus: Corpus, classes: list[str]) -> Scores | None:
    """The test split is read here, once, after the best epoch has been chosen."""
    write_history(trained.history, trained.folder / "history.csv")
    pictures.curves(trained.history, trained.folder / "curves.png")
    if corpus.test is None:
        return None
    with PyTorchEngine(load_reader(trained.folder), available_threads()) as engine:
        probabilities = engine.run(corpus.test.prepared().images)
    return evaluate(probabilities, corpus.test, classes, trained.folder)


def _numbers(reference: str, recipe: TrainingOptions, trained: Trained, scores: Scores | None) -> dict[str, Any]:
    return {
        "model": reference,
        "recipe": asdict(recipe),
        "best_epoch": trained.best_epoch,
        "history": trained.history,
        "test": scores and scores.as_dict(),
    }


def _last_line(reference: str, trained: Trained, scores: Scores | None) -> str:
    if scores:
        return f"{reference} test accuracy {scores.sentence()}"
    best = next(row for row in trained.history if row["epoch"] == trained.best_epoch)
    return f"{reference} validation accuracy {best['val_accuracy'] * 100:.2f} % (the corpus has no test split)"


if __name__ == "__main__":
    run(Train, main, defaults_of)
