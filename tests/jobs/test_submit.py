"""Training submitted to a cluster as a Ray job."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pipelines.model_store import ModelStore
from tests.clusters import RayCluster

RAY = str(Path(sys.executable).parent / "ray")
OPTIONS = ("--corpus", "builtin", "--network", "mlp3", "--epochs", "1")


def submit(cluster: RayCluster, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RAY, "job", *words], env=cluster.env, cwd=folder, capture_output=True, text=True, timeout=200
    )


def store_of(cluster: RayCluster) -> ModelStore:
    return ModelStore(Path(cluster.env["INKRAY_HOME"]) / "store")


def test_the_bare_job_runs_where_the_cluster_was_started(ray_cluster: RayCluster, repo: Path) -> None:
    done = submit(ray_cluster, repo, "submit", "--", "jobs/train.py", *OPTIONS, "--model", "bare")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^bare:1 test accuracy \d+\.\d\d % ", done.stdout, re.M)
    assert store_of(ray_cluster).verify(store_of(ray_cluster).resolve("bare:1")) == []


def test_the_literal_line_of_the_readme_is_accepted(ray_cluster: RayCluster, repo: Path) -> None:
    done = submit(ray_cluster, repo, "submit", "--no-wait", "--submission-id", "literal", "jobs/train.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert submit(ray_cluster, repo, "stop", "literal").returncode == 0


def test_the_code_travels_to_a_job_from_anywhere(ray_cluster: RayCluster, repo: Path, tmp_path: Path) -> None:
    words = ("submit", "--working-dir", str(repo), "--", "python", "jobs/train.py", *OPTIONS, "--model", "carried")
    done = submit(ray_cluster, tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^carried:1 test accuracy \d+\.\d\d % ", done.stdout, re.M)
