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
from rich.console import Console

from pipelines.corpora.corpus import Corpus
from pipelines.errors import TrainingError
from pipelines.networks.weights import WEIGHTS
from pipelines.ray_runtime.failures import RESTARTS, a_training_worker_died
from pipelines.ray_runtime.process_group import ProcessGroupConfig
from pipelines.ray_runtime.trainer import SNAPSHOT_FILE, FailureConfig, Trainer
from pipelines.training import checkpoint
from pipelines.training.capacity import WorkerResources
from pipelines.training.data import check_batch, describe, split_validation
from pipelines.training.display import TrainingDisplay
from pipelines.training.line_task import LineTask
from pipelines.training.loop import Plan, work
from pipelines.training.mixture import mixed
from pipelines.training.options import TrainingOptions
from pipelines.training.progress import drained, start_progress_actor, why_stopped
from pipelines.training.run_folder import CHECKPOINTS, TrainingRunFolder
from pipelines.training.task import DigitTask, Task


@dataclass(frozen=True)
class Trained:
    """The best epoch's checkpoint, copied into the run's folder, and how the run got there."""

    folder: Path
    history: list[dict[str, Any]]
    best_epoch: int


def prepare(options: TrainingOptions, corpus: Corpus, workers: int) -> Task:
    task = LineTask.prepare(options, corpus) if options.lines else _of_digits(options, corpus)
    check_batch(options.batch, workers, len(task))
    return task


def _of_digits(options: TrainingOptions, corpus: Corpus) -> Task:
    images = mixed(corpus.train.prepared(), options)
    training, validation = split_validation(images, options.validation, options.seed)
    return DigitTask(options, describe(options, images), training, validation)


def train(task: Task, resources: WorkerResources, run: TrainingRunFolder, console: Console) -> Trained:
    """Train inside a Ray session, in a run's folder that is held, from the start or from where the run was."""
    progress, options = start_progress_actor(), task.options
    steps = len(task) // options.batch
    material, start = task.material(run.path), _where_it_was(run)
    plan = Plan(options, material, task.description, resources.threads, progress, resources.cuda_graph, start)
    with TrainingDisplay(console, options.epochs, steps, run.curves) as display, _watching(progress, display):
        _fit(plan, resources, run)
    return _finish(run, options.epochs, why_stopped(progress))


def _where_it_was(run: TrainingRunFolder) -> Path | None:
    """The newest checkpoint, found by ourselves: Ray's own record of them may be cut off, or of another Ray."""
    (run.checkpoints / SNAPSHOT_FILE).unlink(missing_ok=True)
    kept = checkpoint.whole_checkpoints(run.checkpoints)
    return kept[-1].folder if kept else None


def _fit(plan: Plan, resources: WorkerResources, run: TrainingRunFolder) -> None:
    # Each epoch waits until Ray fetches its report, which by default it does only every two seconds.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.25")
    per_worker = {"CPU": resources.cpus} | ({"GPU": resources.gpus} if resources.gpus else {})
    trainer = Trainer(
        work,
        train_loop_config={"plan": plan},
        torch_config=ProcessGroupConfig(),
        scaling_config=ScalingConfig(
            num_workers=resources.workers, use_gpu=resources.gpus > 0, resources_per_worker=per_worker
        ),
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
            "resume the run to go on after them.",
            option="resume",
        ) from error


def _cause(error: Exception) -> str:
    if a_training_worker_died(error):
        return f"a worker died, and again after each of {RESTARTS} restarts (killed, or out of memory)"
    # Ray's text is a stack trace that ends in what happened.
    return (str(error).strip().splitlines() or ["Ray did not say why"])[-1].rstrip(".")


@contextmanager
def _watching(progress: Any, display: TrainingDisplay) -> Iterator[None]:
    """Show the workers' progress from a thread, since the driver itself waits in Ray."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.3):
            for event in drained(progress):
                display.show(event)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        for event in drained(progress):
            display.show(event)


def _finish(run: TrainingRunFolder, epochs: int, stopped: str | None) -> Trained:
    kept = checkpoint.whole_checkpoints(run.checkpoints)
    if stopped or not kept:
        raise TrainingError(stopped or f"The run in {run.path} ended without a checkpoint.")
    history, best = kept[-1].history, max(kept, key=lambda one: one.score)
    if len(history) < epochs:
        raise TrainingError(
            f"The {run} in {run.path.parent} ended after epoch {len(history)} of {epochs}; resume it to go on.",
            option="resume",
        )
    (run.path / WEIGHTS).write_bytes((best.folder / WEIGHTS).read_bytes())
    return Trained(run.path, history, len(best.history))
