"""A training run from its folder to its result, seen from the driver."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.exceptions import RayError
from ray.train import CheckpointConfig, RunConfig, ScalingConfig, TrainingFailedError
from ray.train.torch import TorchTrainer
from ray.train.v2._internal.constants import CHECKPOINT_MANAGER_SNAPSHOT_FILENAME
from ray.train.v2.api.config import FailureConfig
from rich.console import Console

from pipelines.corpora.corpus import Corpus
from pipelines.errors import TrainingError
from pipelines.training import checkpoint
from pipelines.training.board import drained, start_board, why_stopped
from pipelines.training.data import check_batch, describe, hold_back
from pipelines.training.display import Display
from pipelines.training.line_task import LineTask
from pipelines.training.loop import Plan, work
from pipelines.training.meeting import Meeting
from pipelines.training.mixture import mixed
from pipelines.training.options import TrainingOptions
from pipelines.training.room import Crew
from pipelines.training.run_folder import CHECKPOINTS, RunFolder
from pipelines.training.task import DigitTask, Task

DEATHS = ("worker process has died", "failed to initialize", "cancelled before it started")
"""How Ray's words end where a worker died at work, while it was set up, and before it had begun."""
RESTARTS = 3


@dataclass(frozen=True)
class Trained:
    """The best epoch's checkpoint, copied into the run's folder, and how the run got there."""

    folder: Path
    history: list[dict[str, Any]]
    best_epoch: int


class Trainer(TorchTrainer):
    def _register_sigint_handler(self, controller: object) -> None:
        """Ctrl-C interrupts this process as ever: Ray's own answer to it hides that, and outlives the training."""


def prepare(options: TrainingOptions, corpus: Corpus, workers: int) -> Task:
    task = LineTask.prepare(options, corpus) if options.lines else _of_digits(options, corpus)
    check_batch(options.batch, workers, len(task))
    return task


def _of_digits(options: TrainingOptions, corpus: Corpus) -> Task:
    images = mixed(corpus.train.prepared(), options)
    training, held = hold_back(images, options.validation, options.seed)
    return DigitTask(options, describe(options, images), training, held)


def train(task: Task, crew: Crew, run: RunFolder, console: Console) -> Trained:
    """Train inside a Ray session, in a run's folder that is held, from the start or from where the run was."""
    board, options = start_board(), task.options
    steps = len(task) // options.batch
    material, start = task.material(run.path), _where_it_was(run)
    plan = Plan(options, material, task.description, crew.threads, board, crew.cuda_graph, start)
    with Display(console, options.epochs, steps, run.curves) as display, _watching(board, display):
        _fit(plan, crew, run)
    return _finish(run, options.epochs, why_stopped(board))


def _where_it_was(run: RunFolder) -> Path | None:
    """The newest checkpoint, found by ourselves: Ray's own record of them may be cut off, or of another Ray."""
    (run.checkpoints / CHECKPOINT_MANAGER_SNAPSHOT_FILENAME).unlink(missing_ok=True)
    kept = checkpoint.kept(run.checkpoints)
    return kept[-1].folder if kept else None


def _fit(plan: Plan, crew: Crew, run: RunFolder) -> None:
    # Each epoch waits until Ray fetches its report, which it does but every two seconds unless told otherwise.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.25")
    resources = {"CPU": crew.cpus} | ({"GPU": crew.gpus} if crew.gpus else {})
    trainer = Trainer(
        work,
        train_loop_config={"plan": plan},
        torch_config=Meeting(),
        scaling_config=ScalingConfig(num_workers=crew.workers, use_gpu=crew.gpus > 0, resources_per_worker=resources),
        run_config=RunConfig(
            name=CHECKPOINTS,
            storage_path=str(run.path),
            failure_config=FailureConfig(max_failures=RESTARTS, controller_failure_limit=RESTARTS),
            checkpoint_config=CheckpointConfig(num_to_keep=1, checkpoint_score_attribute="rank"),
        ),
    )
    try:
        trainer.fit()
    except (TrainingFailedError, RayError) as error:
        raise TrainingError(
            f"Training failed: {_cause(error)}. The epochs that were finished are kept in {run.path}; "
            f"{run.again} goes on after them."
        ) from error


def _cause(error: Exception) -> str:
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
            for event in drained(board):
                display.show(event)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        for event in drained(board):
            display.show(event)


def _finish(run: RunFolder, epochs: int, stopped: str | None) -> Trained:
    kept = checkpoint.kept(run.checkpoints)
    if stopped or not kept:
        raise TrainingError(stopped or f"The run in {run.path} ended without a checkpoint.")
    history, best = kept[-1].history, max(kept, key=lambda one: one.score)
    if len(history) < epochs:
        raise TrainingError(f"The {run} ended after epoch {len(history)} of {epochs}; {run.again} goes on after it.")
    (run.path / checkpoint.WEIGHTS).write_bytes((best.folder / checkpoint.WEIGHTS).read_bytes())
    return Trained(run.path, history, len(best.history))
