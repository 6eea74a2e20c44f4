#!/usr/bin/env python
"""Train a reader with Ray Train and publish it to the model store."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console

from jobs._cli import run
from pipelines import pictures
from pipelines.corpora import Corpus, Split, load_corpus
from pipelines.engines.pytorch import PyTorchEngine
from pipelines.engines.threads import available_threads
from pipelines.errors import UsageError
from pipelines.evaluation import evaluate, write_history
from pipelines.line_scores import LineScores, finish_lines
from pipelines.metrics import Scores
from pipelines.model_store import ModelStore, whereabouts
from pipelines.model_version import Version, check_name, check_new_name
from pipelines.nodes import free_nodes
from pipelines.publishing import publish
from pipelines.ray_session import ray_session
from pipelines.training.calibration import calibrate
from pipelines.training.checkpoint import WEIGHTS, load_reader, save_weights
from pipelines.training.line_task import LineTask
from pipelines.training.options import TrainingOptions
from pipelines.training.recipes import recipe_named
from pipelines.training.room import make_crew
from pipelines.training.run import Trained, prepare, train
from pipelines.training.run_folder import RunFolder, new_name, open_run, runs_folder
from pipelines.training.task import Task
from pipelines.writing import check_file, write_json


@dataclass(frozen=True, kw_only=True)
class Train(TrainingOptions):
    """Train a reader with Ray Train and publish it to the model store.

    python jobs/train.py --corpus mnist --network ink --epochs 5

    python jobs/train.py --recipe ink   # on paper as on MNIST, in one to three hours

    python jobs/train.py --recipe lines # whole numbers at once

    ray job submit jobs/train.py        # on the cluster that RAY_ADDRESS names
    """

    recipe: str | None = None
    """Take every option that is not given from a recipe: ink, which made the model that comes with inkray, or lines."""
    workers: int = 1
    """Data-parallel workers; each batch is shared among them."""
    cpus_per_worker: float | None = None
    """CPUs of each worker; by default as many as are free for all of them."""
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
        if self.name:
            check_name("run name", self.name)
        if self.workers < 1:
            raise UsageError(f"--workers is {self.workers}; it must be at least 1.")
        if self.cpus_per_worker is not None and not 0 < self.cpus_per_worker < math.inf:
            raise UsageError(f"--cpus-per-worker is {self.cpus_per_worker:g}; it must be above 0.")
        if not 0 <= self.gpus_per_worker < math.inf:
            raise UsageError(f"--gpus-per-worker is {self.gpus_per_worker:g}; it must be 0 or more.")

    def learning(self) -> TrainingOptions:
        return TrainingOptions(**{field.name: getattr(self, field.name) for field in fields(TrainingOptions)})


def main(options: Train) -> None:
    options.check()
    if options.json:
        check_file(options.json)
    console = Console()
    store = ModelStore(whereabouts(options.store))
    store.check_writable()
    recipe = options.learning()
    corpus = load_corpus(recipe.corpus)
    task = prepare(recipe, corpus, options.workers)
    name = options.name or new_name(recipe.network, recipe.corpus)
    with open_run(runs_folder(options.runs) / name, task.asked(options.workers), options.resume) as run:
        trained = _train(task, options, run, console)
        temperature = _calibrate(trained, task, run) if recipe.calibrate else None
        scores = _scored(trained, task, corpus, run)
        model = options.model or recipe.network
        version = _published_once(
            run, store, model, lambda: publish(store, model, trained, recipe, corpus, scores, temperature)
        )
        numbers = _numbers(version.reference, recipe, trained, scores)
        run.finish(numbers)
    write_json(options.json, numbers)
    _say(console, f"published to {store}")
    _say(console, _last_line(version.reference, trained, scores))


def _train(task: Task, options: Train, run: RunFolder, console: Console) -> Trained:
    """With a Ray only as long as this needs one."""
    with ray_session():
        crew = make_crew(
            free_nodes(), options.workers, options.cpus_per_worker, options.gpus_per_worker, options.cuda_graph
        )
        run.begin()
        _say(console, f"run {run.path.name} in {run.path.parent}")
        trained = train(task, crew, run, console)
        if isinstance(task, LineTask):
            task.draw_test(run.path)
        return trained


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)


def defaults_of(options: Train) -> Train | None:
    """The recipe's options as the defaults, so that what stands on the command line is heeded beside it."""
    if options.recipe is None:
        return None
    return Train(recipe=options.recipe, **asdict(recipe_named(options.recipe)))


def _calibrate(trained: Trained, task: Task, run: RunFolder) -> float:
    reader = load_reader(trained.folder)
    temperature = calibrate(reader, task.held_back(run.path), task.options)
    save_weights(trained.folder, task.description, reader)
    return temperature


def _published_once(run: RunFolder, store: ModelStore, name: str, publish: Callable[[], Version]) -> Version:
    """A run that was killed after it had published, and before it could say so, finds what it published."""
    noted = run.record().get("weights")
    for version in store.versions(name) if noted else []:
        if version.files.get(WEIGHTS, {}).get("sha256") == noted:
            return version
    run.note(weights=hashlib.sha256((run.path / WEIGHTS).read_bytes()).hexdigest())
    return publish()


def _scored(trained: Trained, task: Task, corpus: Corpus, run: RunFolder) -> Scores | LineScores | None:
    """The test split is read here, once, after the best epoch has been chosen."""
    write_history(trained.history, trained.folder / "history.csv")
    pictures.curves(trained.history, trained.folder / "curves.png")
    if isinstance(task, LineTask):
        return finish_lines(trained.folder, task.tested(run.path))
    return None if corpus.test is None else _score_digits(trained, corpus.test, task.options.classes())


def _score_digits(trained: Trained, test: Split, classes: list[str]) -> Scores:
    with PyTorchEngine(load_reader(trained.folder), available_threads()) as engine:
        probabilities = engine.run(test.prepared().images)
    return evaluate(probabilities, test, classes, trained.folder)


def _numbers(
    reference: str, recipe: TrainingOptions, trained: Trained, scores: Scores | LineScores | None
) -> dict[str, Any]:
    return {
        "model": reference,
        "recipe": asdict(recipe),
        "best_epoch": trained.best_epoch,
        "history": trained.history,
        "test": scores and scores.as_dict(),
    }


def _last_line(reference: str, trained: Trained, scores: Scores | LineScores | None) -> str:
    if scores:
        return f"{reference} test accuracy {scores.sentence()}"
    best = next(row for row in trained.history if row["epoch"] == trained.best_epoch)
    return f"{reference} validation accuracy {best['val_accuracy'] * 100:.2f} % (the corpus has no test split)"


if __name__ == "__main__":
    run(Train, main, defaults_of)
