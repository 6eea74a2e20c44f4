"""A run seen from the driver: what it takes for its result, and what it does without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.errors import TrainingError
from pipelines.training import checkpoint
from pipelines.training.run import _finish, _where_it_was
from pipelines.training.run_folder import TrainingRunFolder
from tests.clusters import RayCluster
from tests.digits import new_reader
from tests.processes import new_home

DESCRIPTION = {"network": "small", "classes": 10, "mean": 0.13, "deviation": 0.31}
ROWS = [(0.9, 0.5), (0.95, 0.4), (0.95, 0.3), (0.95, 0.3), (0.94, 0.1)]
"""Accuracy and loss on the held-back images, epoch by epoch."""


def history(epochs: int) -> list[dict[str, Any]]:
    rows = enumerate(ROWS[:epochs], 1)
    return [{"epoch": epoch, "val_accuracy": accuracy, "val_loss": loss} for epoch, (accuracy, loss) in rows]


@pytest.fixture
def run(tmp_path: Path) -> TrainingRunFolder:
    """With a checkpoint of every epoch."""
    for epoch in range(1, len(ROWS) + 1):
        torch.manual_seed(epoch)
        folder = tmp_path / "first" / "ray" / f"checkpoint_{9 - epoch}"
        folder.mkdir(parents=True)
        checkpoint.save(folder, DESCRIPTION, new_reader(), {"reader": {}}, history(epoch))
    return TrainingRunFolder(tmp_path / "first", {})


def test_its_result_is_the_epoch_with_most_right_and_among_equals_the_least_loss(run: TrainingRunFolder) -> None:
    trained = _finish(run, len(ROWS), None)
    assert (trained.best_epoch, trained.history) == (3, history(len(ROWS)))
    best = run.checkpoints / "checkpoint_6" / "weights.pt"
    assert (run.path / "weights.pt").read_bytes() == best.read_bytes()


def test_a_run_that_lacks_epochs_has_no_result(run: TrainingRunFolder) -> None:
    with pytest.raises(TrainingError) as caught:
        _finish(run, 6, None)
    assert str(caught.value) == (f"The run 'first' in {run.path.parent} ended after epoch 5 of 6; resume it to go on.")
    with pytest.raises(TrainingError, match="no number"):
        _finish(run, 5, "no number")


@pytest.mark.parametrize("file", ["weights.pt", "resume.pt", "history.json"])
def test_it_goes_on_from_the_newest_checkpoint_that_is_whole(run: TrainingRunFolder, file: str) -> None:
    newest = run.checkpoints / "checkpoint_4"
    assert _where_it_was(run) == newest
    (newest / file).write_bytes((newest / file).read_bytes()[:-20])
    assert _where_it_was(run) == run.checkpoints / "checkpoint_5"


JOB = """
import sys
from pathlib import Path

import ray
from rich.console import Console
from pipelines.corpora import Corpus
from pipelines.ray_runtime.session import ray_session
from pipelines.training import run
from pipelines.training.capacity import WorkerResources
from pipelines.training.run_folder import open_run
from tests.digits import drawn, plain

def lost():
    progress = start()
    ray.kill(progress)
    return progress

start, run.start_progress_actor = run.start_progress_actor, lost
task = run.prepare(plain(epochs=2), Corpus("drawn", drawn(300), None), 1)
with open_run(Path(sys.argv[1]), task.identity(1), False) as folder, ray_session():
    folder.begin()
    trained = run.train(task, WorkerResources(), folder, Console())
print("trained", len(trained.history))
"""


def test_without_its_board_it_trains_unseen(ray_cluster: RayCluster, repo: Path, tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(JOB)
    with new_home(tmp_path / "home", ray_cluster) as home:
        home.env["PYTHONPATH"] = str(repo)
        ended = home.run(job, home.runs / "first")
    assert (ended.process.returncode, ended.out, ended.err) == (0, "trained 2\n", "")
