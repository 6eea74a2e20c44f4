"""A training run from its folder to its result, seen from the driver."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray
from ray.train import CheckpointConfig, Result, RunConfig, ScalingConfig, TrainingFailedError
from ray.train.torch import TorchTrainer
from ray.train.v2.api.config import FailureConfig
from rich.console import Console

from pipelines.corpora.corpus import Corpus, Split
from pipelines.errors import TrainingError, UsageError
from pipelines.ray_session import check_room
from pipelines.training import checkpoint
from pipelines.training.board import start_board
from pipelines.training.data import check_batch, describe, hold_back
from pipelines.training.display import Display
from pipelines.training.loop import Plan, work
from pipelines.training.mixture import mixed
from pipelines.training.options import TrainingOptions

OPTIONS, RESULT, RAY_FOLDER = "options.json", "result.json", "ray"
DEATHS = ("worker process has died", "failed to initialize", "cancelled before it started")
"""How Ray's words end where a worker died at work, while it was set up, and before it had begun."""
RESTARTS = 3


@dataclass(frozen=True)
class Crew:
    workers: int = 1
    cpus: float = 1
    gpus: float = 0
    cuda_graph: bool = True

    @property
    def threads(self) -> int:
        return max(1, int(self.cpus))


@dataclass(frozen=True)
class Task:
    """What is to be learnt, from which images, and judged on which."""

    options: TrainingOptions
    training: Split
    held: Split
    description: dict[str, Any]


@dataclass(frozen=True)
class Trained:
    """The best epoch's checkpoint, copied into the run's folder, and how the run got there."""

    folder: Path
    history: list[dict[str, Any]]
    best_epoch: int


def open_run(folder: Path, options: TrainingOptions, resume: bool) -> None:
    """Take the run's folder, or say why not: a name is one run, which is never continued unasked."""
    try:
        if resume:
            _check_resumable(folder, options)
        else:
            _begin(folder, options)
    except OSError as error:
        raise UsageError(
            f"The run's folder {folder} cannot be written: {error.strerror}; name another --runs."
        ) from error


def _begin(folder: Path, options: TrainingOptions) -> None:
    if (folder / OPTIONS).exists():
        state = "is finished" if (folder / RESULT).exists() else "was begun and can go on with --resume"
        raise UsageError(f"The run {folder.name!r} in {folder.parent} {state}; give another --name to start anew.")
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / OPTIONS, asdict(options))


def _check_resumable(folder: Path, options: TrainingOptions) -> None:
    run = f"run {folder.name!r}"
    if not (folder / OPTIONS).exists():
        raise UsageError(f"There is no {run} in {folder.parent} to resume; leave --resume out to start it.")
    if (folder / RESULT).exists():
        raise UsageError(f"The {run} in {folder.parent} is finished: there is nothing to resume.")
    before = json.loads((folder / OPTIONS).read_text())
    for name, value in asdict(options).items():
        if value != before.get(name):
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag} is {value}, but the {run} began with {before.get(name)}; resume it so.")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, since a run may be killed at any moment."""
    draft = path.with_name(f".{path.name}")
    draft.write_text(json.dumps(content, indent=2))
    draft.replace(path)


def prepare(options: TrainingOptions, corpus: Corpus, crew: Crew) -> Task:
    images = mixed(corpus.train.prepared(), options)
    training, held = hold_back(images, options.validation, options.seed)
    check_batch(options.batch, crew.workers, len(training))
    return Task(options, training, held, describe(options, images))


def train(task: Task, crew: Crew, folder: Path, console: Console) -> Trained:
    """Train inside a Ray session; the run's folder has been opened."""
    check_room(crew.workers, crew.cpus, crew.gpus)
    board, options = start_board(), task.options
    steps = len(task.training) // options.batch
    arrays = (task.training.images, task.training.labels, task.held.images, task.held.labels)
    plan = Plan(options, [ray.put(array) for array in arrays], task.description, crew.threads, board, crew.cuda_graph)
    with Display(console, options.epochs, steps, folder / "tensorboard") as display, _watching(board, display):
        result = _fit(plan, crew, folder)
    return _finish(result, folder, ray.get(board.stopped.remote()))


def _fit(plan: Plan, crew: Crew, folder: Path) -> Result:
    # Each epoch waits until Ray fetches its report, which it does but every two seconds unless told otherwise.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.25")
    resources = {"CPU": crew.cpus} | ({"GPU": crew.gpus} if crew.gpus else {})
    trainer = TorchTrainer(
        work,
        train_loop_config={"plan": plan},
        scaling_config=ScalingConfig(num_workers=crew.workers, use_gpu=crew.gpus > 0, resources_per_worker=resources),
        run_config=RunConfig(
            name=RAY_FOLDER,
            storage_path=str(folder),
            failure_config=FailureConfig(max_failures=RESTARTS, controller_failure_limit=RESTARTS),
            checkpoint_config=CheckpointConfig(num_to_keep=1, checkpoint_score_attribute="rank"),
        ),
    )
    try:
        return trainer.fit()
    except TrainingFailedError as error:
        raise TrainingError(
            f"Training failed: {_cause(error)}. The epochs that were finished are kept in {folder}; "
            f"--resume --name {folder.name} goes on after them."
        ) from error


def _cause(error: TrainingFailedError) -> str:
    # Ray tells a stack trace that ends in what happened, and of a process that died a paragraph.
    last = (str(error).strip().splitlines() or ["Ray did not say why"])[-1]
    if any(words in last for words in DEATHS):
        return f"a worker died, and again after each of {RESTARTS} restarts (killed, or out of memory)"
    return last.rstrip(".")


@contextmanager
def _watching(board: Any, display: Display) -> Iterator[None]:
    """Show what the workers post, from a thread, since the driver itself waits in Ray."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.3):
            for event in ray.get(board.drain.remote()):
                display.show(event)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        for event in ray.get(board.drain.remote()):
            display.show(event)


def _finish(result: Result, folder: Path, stopped: str | None) -> Trained:
    if stopped:
        raise TrainingError(stopped)
    if result.checkpoint is None or not result.best_checkpoints:
        raise TrainingError(f"The run in {folder} ended without a checkpoint.")
    with result.checkpoint.as_directory() as last:
        history = checkpoint.load_history(Path(last))
    best, metrics = max(result.best_checkpoints, key=lambda pair: pair[1]["rank"])
    with best.as_directory() as chosen:
        (folder / checkpoint.WEIGHTS).write_bytes((Path(chosen) / checkpoint.WEIGHTS).read_bytes())
    return Trained(folder, history, metrics["epoch"])


def finish_run(folder: Path, numbers: dict[str, Any]) -> None:
    """The mark of a finished run, written last."""
    _write_json(folder / RESULT, numbers)


def new_name(network: str, corpus: str) -> str:
    return f"{network}-{corpus.split(':')[0]}-{time.strftime('%Y%m%d-%H%M%S')}"
