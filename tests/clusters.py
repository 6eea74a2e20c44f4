"""A real Ray cluster for the tests that need one, and the proof that it leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cluster import local
from cluster.processes import end

CPUS = 4


@dataclass(frozen=True)
class RayCluster:
    """`env` is all that a subprocess needs to talk to the cluster; `home` is where the jobs on it keep their things."""

    address: str
    dashboard_url: str
    env: dict[str, str]
    home: Path


@pytest.fixture(scope="session")
def ray_cluster(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """One cluster for all, on free ports, whose jobs run in the repo root; kill jobs on it, but nothing of its own."""
    with new_cluster(tmp_path_factory.mktemp("home"), repo, CPUS) as cluster:
        yield cluster


@contextmanager
def new_cluster(home: Path, repo: Path, cpus: int, gpus: int = 0) -> Iterator[RayCluster]:
    """Its GPUs are handed out and counted as real ones are, though there may be none."""
    with pytest.MonkeyPatch.context() as patch:
        # Jobs inherit the environment their cluster was started with.
        patch.setenv("INKRAY_HOME", str(home))
        patch.setenv("INKRAY_DATA", str(home / "data"))
        patch.delenv("INKRAY_STORE", raising=False)
        # Ray has its workers stand back behind all else on the machine; beside the other half of the suite they starve.
        patch.setenv("RAY_worker_niceness", "0")
        # Else a job that is stopped on a busy machine is killed before it has ended by itself.
        patch.setenv("RAY_JOB_STOP_WAIT_TIME_S", "20")
        options = local.Up(port=0, dashboard_port=0, num_cpus=cpus, num_gpus=gpus)
        cluster, _ = local.up(options, local.state_folder(), repo)
        env = cluster.head_env() | cluster.client_env()
    for name in ("INKRAY_CLUSTER", "TMPDIR"):
        env.pop(name)
    try:
        yield RayCluster(cluster.address, cluster.dashboard_url, env, home)
    finally:
        # Where pytest is interrupted it may take its folders away, and the record with them, before this.
        if local.down(home / "cluster") is None:
            end(cluster.id)
    assert mentioning(cluster.temp_dir) == {}


def kept_files(cluster: RayCluster) -> list[Path]:
    """What the cluster keeps on the disk, its logs and those of its jobs' workers above all."""
    running = local.running(cluster.home / "cluster")
    assert running
    return [file for file in Path(running.temp_dir).rglob("*") if file.is_file() and not file.is_symlink()]


def mentioning(text: str) -> dict[int, str]:
    """The command line of every other process that has `text` in its command line or its environment."""
    found = {}
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = " ".join(process.info["cmdline"] or ())
        values = (process.info["environ"] or {}).values()
        if process.pid != os.getpid() and any(text in one for one in (command, *values)):
            found[process.pid] = command
    return found
