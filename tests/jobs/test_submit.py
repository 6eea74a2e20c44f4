"""Training and streams submitted to a cluster as Ray jobs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from pipelines.corpora import Corpus
from pipelines.corpora.mnist import SHA256
from pipelines.corpora.parquet import write_parquet
from pipelines.files.paths import TRAVELLED
from pipelines.models.store import ModelStore
from tests.clusters import RayCluster
from tests.digits import drawn
from tests.processes import until
from tests.streaming.generator import land
from tests.streams import in_table

RAY = str(Path(sys.executable).parent / "ray")
STREAM = ("jobs/stream.py", "digits", "--afterwards", "move", "--max-actors", "1", "--batch-items", "8")
SOME = 300
OPTIONS = ("--network", "mlp3", "--epochs", "1")
# Other jobs that came the same way share the folder, and leave their compiled modules in it.
SAY_WHAT_CAME = (
    "import os, pipelines; print('uses', pipelines.__file__); os.system('pwd; du -sk --exclude=__pycache__ .')"
)


@pytest.fixture(scope="module")
def data(ray_cluster: RayCluster) -> Iterator[Path]:
    """Where the cluster's jobs look for MNIST: files that only claim to be it."""
    folder = ray_cluster.home / "data" / "mnist"
    folder.mkdir(parents=True)
    for name in SHA256:
        (folder / name).write_bytes(b"no digits at all")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def store(ray_cluster: RayCluster) -> ModelStore:
    return ModelStore(ray_cluster.home / "store")


def submit(cluster: RayCluster, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return job(cluster, "submit", *words, folder=folder)


def job(cluster: RayCluster, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [RAY, "job", *words]
    return subprocess.run(command, env=cluster.env, cwd=folder, capture_output=True, text=True, timeout=200)


def rows_in(output: Path) -> int:
    return len(in_table(output)) if (output / "rows" / "_delta_log").exists() else 0


def test_the_bare_job_runs_where_the_cluster_was_started(
    ray_cluster: RayCluster, repo: Path, store: ModelStore
) -> None:
    done = submit(ray_cluster, repo, "--", "jobs/train.py", "--corpus", "builtin", *OPTIONS, "--model", "bare")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^bare:1 test accuracy \d+\.\d\d % ", done.stdout, re.M)
    assert store.verify(store.resolve("bare:1")) == []


def test_a_stopped_stream_writes_what_was_under_way(ray_cluster: RayCluster, repo: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    began = submit(ray_cluster, repo, "--no-wait", "--submission-id", "stream", "--", *STREAM, str(source), str(output))
    assert began.returncode == 0, began.stdout + began.stderr
    content = cv2.imencode(".png", drawn(1).images[0])[1].tobytes()
    try:
        land(source, "first.png", content)
        until(lambda: rows_in(output) == 1, "the stream reads")
        for number in range(SOME):
            land(source, f"{number}.png", content)
        until(lambda: rows_in(output) > 1, "some of the others are read")
    finally:
        stopped = job(ray_cluster, "stop", "stream")
    assert "was stopped" in stopped.stdout, stopped.stdout + stopped.stderr
    # What was polled has its row and is moved away, and nothing else is.
    assert rows_in(output) == len(list((source / "done").iterdir())) == SOME + 1 - len(list(source.glob("*.png")))


@pytest.mark.parametrize("words", [("jobs/train.py",), ("--", "inkray", "train")])
def test_the_literal_lines_of_the_readme_and_of_the_cluster_start_training_on_mnist(
    words: tuple[str, ...], ray_cluster: RayCluster, repo: Path, data: Path
) -> None:
    done = submit(ray_cluster, repo, *words)
    assert done.returncode == 1
    assert f"error: {data}/train-images-idx3-ubyte" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_code_travels_to_a_job_from_anywhere(
    ray_cluster: RayCluster, repo: Path, store: ModelStore, tmp_path: Path
) -> None:
    write_parquet(Corpus("digits", drawn(300), drawn(100, seed=4)), tmp_path / "digits.parquet")
    learning = ("--corpus", f"parquet:{tmp_path}/digits.parquet", "--batch", "50", *OPTIONS, "--model", "carried")
    done = submit(ray_cluster, tmp_path, "--working-dir", str(repo), "--", "python", "jobs/train.py", *learning)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^carried:1 test accuracy \d+\.\d\d % ", done.stdout, re.M)
    assert store.verify(store.resolve("carried:1")) == []


def kilobytes_of_code(repo: Path) -> int:
    """What the files take that are under version control, in blocks as `du` counts them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repo, capture_output=True, text=True, check=True).stdout
    files = [repo / name for name in listed.split("\0") if name and (repo / name).exists()]
    folders = {folder for file in files for folder in file.relative_to(repo).parents}
    return sum(4 * -(-file.stat().st_size // 4096) for file in files) + 4 * len(folders)


def test_what_travels_is_the_code_alone_and_is_what_runs(ray_cluster: RayCluster, repo: Path, tmp_path: Path) -> None:
    done = submit(ray_cluster, tmp_path, "--working-dir", str(repo), "--", "python", "-c", SAY_WHAT_CAME)
    assert done.returncode == 0, done.stdout + done.stderr
    [came] = re.findall(r"^uses (.*)/pipelines/__init__\.py$", done.stdout, re.M)
    assert came != str(repo)
    assert TRAVELLED.search(came)
    assert f"\n{came}\n" in done.stdout
    [kilobytes] = re.findall(r"^(\d+)\t\.$", done.stdout, re.M)
    assert int(kilobytes) < 1.05 * kilobytes_of_code(repo)
