"""Real kills: a worker, every worker, the driver. Nothing but the running epoch is lost, and nothing is changed."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from psutil import Process

from pipelines.corpora import Corpus
from pipelines.corpora.parquet import write_parquet
from pipelines.ray_runtime.failures import RESTARTS
from tests.clusters import RayCluster
from tests.digits import drawn
from tests.processes import Home, Job, cluster_processes, gone, new_home, train_workers, until
from tests.refusals import Refused

EPOCHS = 8
GOING_ON = "going on after epoch "


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    file = tmp_path_factory.mktemp("corpus") / "digits.parquet"
    write_parquet(Corpus("digits", drawn(3000), drawn(300, seed=4)), file)
    # As many CPUs on every Ray, since sums over more threads differ in their last bits.
    learning = ("--network", "small", "--epochs", str(EPOCHS), "--batch", "60", "--cpus-per-worker", "1")
    return ("--corpus", f"parquet:{file}", *learning)


@pytest.fixture(scope="module")
def home(ray_cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("home"), ray_cluster) as home:
        yield home


@pytest.fixture(scope="module")
def train(repo: Path) -> Path:
    return repo / "jobs" / "train.py"


@pytest.fixture(scope="module")
def undisturbed(home: Home, train: Path, options: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """The weights that the run ends with where nothing happens to it."""
    job = home.run(train, *options, "--name", "undisturbed")
    assert job.process.returncode == 0, job.err
    return weights(home.runs / "undisturbed")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "weights.pt", weights_only=True)["weights"]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def epochs(folder: Path) -> list[str]:
    return [row["epoch"] for row in csv.DictReader((folder / "history.csv").open())]


@dataclass(frozen=True)
class Interrupted:
    """A run with a Ray of its own whose driver was killed, and the processes there were."""

    home: Home
    job: Job
    processes: list[Process]


@pytest.fixture(scope="module")
def interrupted(
    train: Path, options: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Interrupted]:
    with new_home(tmp_path_factory.mktemp("alone")) as alone:
        with alone.start(train, *options, "--name", "killed") as job:
            job.says(f"epoch 2/{EPOCHS}")
            processes = alone.processes()
            job.process.kill()
        yield Interrupted(alone, job, processes)


def test_an_interrupted_run_is_resumed_as_it_was_or_not_at_all(
    interrupted: Interrupted, options: tuple[str, ...], refused: Refused
) -> None:
    runs = interrupted.home.runs
    again = (*options, "--name", "killed", "--runs", runs)
    assert refused(*again) == (
        2,
        f"error: The run 'killed' in {runs} was begun and can be resumed; give another name to start anew (--name).\n",
    )
    assert refused(*again, "--resume", "--learning-rate", 0.01) == (
        2,
        "error: learning_rate is 0.01, but the run 'killed' began with 0.004; resume it so (--learning-rate).\n",
    )


def test_a_run_whose_driver_was_killed_goes_on_after_its_last_epoch(
    interrupted: Interrupted, home: Home, train: Path, options: tuple[str, ...], undisturbed: dict[str, torch.Tensor]
) -> None:
    """It may even go on elsewhere: it began with a Ray of its own."""
    runs = interrupted.home.runs
    # As Ray leaves its own record where it is killed while it writes that.
    [snapshot] = (runs / "killed" / "ray").glob("*snapshot.json")
    snapshot.write_bytes(snapshot.read_bytes()[:-10])
    resumed = home.run(train, *options, "--name", "killed", "--resume", "--runs", runs)
    assert resumed.process.returncode == 0, resumed.err
    said = resumed.out.splitlines()[1]
    assert said.startswith(GOING_ON)
    assert int(said.split()[-1]) >= interrupted.job.out.count("epoch ") >= 2
    assert epochs(runs / "killed") == [str(epoch + 1) for epoch in range(EPOCHS)]
    assert same(weights(runs / "killed"), undisturbed)


def test_a_run_that_is_interrupted_and_then_ended_goes_on_each_time(
    home: Home, train: Path, options: tuple[str, ...], undisturbed: dict[str, torch.Tensor]
) -> None:
    again: tuple[str, ...] = ()
    signals = ((signal.SIGINT, f"epoch 1/{EPOCHS}", "interrupted"), (signal.SIGTERM, GOING_ON, "ended by SIGTERM"))
    for number, begun, said in signals:
        with home.start(train, *options, "--name", "stopped", *again) as job:
            job.says(begun)
            # A terminal tells all that it runs, and so does `ray job stop`.
            os.killpg(job.process.pid, number)
            assert job.ended() == 128 + number, job.err
        assert job.err == f"{said}\n"
        again = ("--resume",)
    resumed = home.run(train, *options, "--name", "stopped", "--resume")
    assert resumed.process.returncode == 0, resumed.err
    assert resumed.out.splitlines()[1].startswith(GOING_ON)
    assert same(weights(home.runs / "stopped"), undisturbed)


def test_a_killed_worker_is_replaced_and_the_run_ends_as_if_nothing_happened(
    home: Home, ray_cluster: RayCluster, train: Path, options: tuple[str, ...], undisturbed: dict[str, torch.Tensor]
) -> None:
    with home.start(train, *options, "--name", "killed") as job:
        job.says(f"epoch 2/{EPOCHS}")
        [worker] = train_workers(cluster_processes(ray_cluster))
        os.kill(worker.pid, signal.SIGKILL)
        job.says(GOING_ON)
        before, _, after = job.out.partition(GOING_ON)
        assert job.ended() == 0, job.err
    assert int(after.split()[0]) >= before.count("epoch ") >= 2
    assert epochs(home.runs / "killed") == [str(epoch + 1) for epoch in range(EPOCHS)]
    assert [job.out.count(f"epoch {epoch + 1}/{EPOCHS} ") for epoch in range(EPOCHS)] == [1] * EPOCHS
    assert same(weights(home.runs / "killed"), undisturbed)


def test_a_worker_that_dies_again_and_again_ends_the_run(
    home: Home, ray_cluster: RayCluster, train: Path, options: tuple[str, ...]
) -> None:
    killed: set[Process] = set()
    with home.start(train, *options, "--name", "doomed") as job:

        def kill_the_next() -> bool:
            for worker in train_workers(cluster_processes(ray_cluster)):
                if worker not in killed:
                    os.kill(worker.pid, signal.SIGKILL)
                    killed.add(worker)
            return job.process.poll() is not None

        until(kill_the_next, "the run gives up")
    assert job.process.returncode == 1
    assert len(killed) == 1 + RESTARTS
    assert job.err == (
        f"error: Training failed: a worker died, and again after each of {RESTARTS} restarts "
        f"(killed, or out of memory). The epochs that were finished are kept in {home.runs}/doomed; "
        "resume the run to go on after them (--resume).\n"
    )


def test_the_ray_of_a_killed_driver_has_ended_by_itself(interrupted: Interrupted) -> None:
    assert len(interrupted.processes) > 3
    until(lambda: gone(interrupted.processes), "the Ray of a killed driver ends")
