"""Real kills while a labelling run is under way: every item ends with one row, the same as undisturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from psutil import Process

from pipelines.labeling.rows import read_shards
from pipelines.models.store import ModelStore
from tests.clusters import RayCluster
from tests.labels import LONG, actors, at_part, at_work, lasting, once, rows, shards, tables, with_a_long_part
from tests.processes import Home, Job, cluster_processes, new_home, until
from tests.s3 import SECRET, Bucket

PARTS, SIZE = 30, 1500


@pytest.fixture(scope="module")
def home(ray_cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("home"), ray_cluster) as home:
        yield home


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables(tmp_path_factory.mktemp("digits") / "in", [SIZE] * PARTS)


Start = Callable[..., Job]


@pytest.fixture(scope="module")
def start_into_s3(home: Home, s3_server: Bucket, repo: Path, models: ModelStore) -> Start:
    """The cluster was started without the credentials; they come with the run."""
    return _starting(replace(home, env=home.env | s3_server.env), repo, models)


@pytest.fixture(scope="module")
def start(home: Home, repo: Path, models: ModelStore) -> Start:
    return _starting(home, repo, models)


def _starting(home: Home, repo: Path, models: ModelStore) -> Start:
    def begin(source: Path, output: Path | str, *words: object) -> Job:
        told = ("--model", "small", "--store", models, "--threads", 1, "--engine", "onnxruntime", *words)
        return home.start(repo / "jobs" / "label.py", "digits", source, output, *told)

    return begin


@dataclass(frozen=True)
class Twice:
    """A run that nobody kills, and the same one started once more meanwhile."""

    output: Path
    first: Job
    second: Job


@pytest.fixture(scope="module")
def twice(start: Start, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    output = tmp_path_factory.mktemp("twice") / "out"
    with start(source, output) as first:
        first.says("items in ")
        with start(source, output) as second:
            second.ended()
        assert first.ended() == 0, first.err
    return Twice(output, first, second)


@pytest.fixture(scope="module")
def undisturbed(twice: Twice) -> pa.Table:
    table = rows(twice.output)
    once(table, PARTS * SIZE)
    return table


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def killed_at_work(killed: list[Process], output: Path) -> bool:
    """Whether one of them was at work, which can be told while they are held still; if so, all die."""
    for process in killed:
        kill(process.pid, signal.SIGSTOP)
    now = any(at_work(process, output) for process in killed)
    for process in killed:
        kill(process.pid, signal.SIGKILL if now else signal.SIGCONT)
    return now


def test_an_actor_that_is_killed_is_replaced(
    start: Start, ray_cluster: RayCluster, source: Path, undisturbed: pa.Table, tmp_path: Path
) -> None:
    with start(source, tmp_path / "out", "--max-actors", 1) as job:
        until(lambda: shards(tmp_path / "out") >= 2, "two parts are done")
        only = actors(cluster_processes(ray_cluster))
        assert len(only) == 1
        until(lambda: killed_at_work(only, tmp_path / "out"), "the actor is at work")
        assert job.ended() == 0, job.out + job.err
    assert rows(tmp_path / "out").equals(undisturbed)


def test_an_actor_that_dies_while_it_waits_for_work_is_replaced(
    start: Start, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    source, output = with_a_long_part(tmp_path / "in"), tmp_path / "out"
    with start(source, output, "--max-actors", 1) as job:
        until(lambda: bool(at_part(LONG, output)), "the long part is begun")
        (reader,) = at_part(LONG, output)
        # While it is held still, the actor soon has nothing to do.
        kill(reader, signal.SIGSTOP)
        until(lambda: shards(output) >= 2, "two parts are done")
        (only,) = actors(cluster_processes(ray_cluster))
        until(lasting(lambda: not at_work(only, output)), "the actor rests")
        kill(only.pid)
        until(lambda: not only.is_running(), "the actor is gone")
        kill(reader, signal.SIGCONT)
        assert job.ended() == 0, job.out + job.err
    once(rows(output), 153)


def test_every_actor_may_be_killed_once(
    start: Start, ray_cluster: RayCluster, source: Path, undisturbed: pa.Table, tmp_path: Path
) -> None:
    with start(source, tmp_path / "out", "--min-actors", 2, "--max-actors", 2) as job:
        until(lambda: shards(tmp_path / "out") >= 2, "two parts are done")
        both = actors(cluster_processes(ray_cluster))
        assert len(both) == 2
        until(lambda: killed_at_work(both, tmp_path / "out"), "the actors are at work")
        assert job.ended() == 0, job.out + job.err
    assert rows(tmp_path / "out").equals(undisturbed)


def test_a_run_whose_driver_was_killed_goes_on(
    start: Start, source: Path, undisturbed: pa.Table, tmp_path: Path
) -> None:
    with start(source, tmp_path / "out", "--max-actors", 1) as job:
        until(lambda: shards(tmp_path / "out") >= 3, "three parts are done")
        kill(job.process.pid)
        job.process.wait()
    assert not (tmp_path / "out" / "summary.json").exists()
    there = shards(tmp_path / "out")
    assert there < PARTS
    with start(source, tmp_path / "out", "--max-actors", 1) as again:
        assert again.ended() == 0, again.err
    assert "going on after " in again.out
    assert rows(tmp_path / "out").equals(undisturbed)


def test_a_run_into_an_object_store_survives_kills_of_actors_and_driver(
    start_into_s3: Start,
    s3_server: Bucket,
    bucket: Bucket,
    ray_cluster: RayCluster,
    source: Path,
    undisturbed: pa.Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = bucket.new_place()

    def parts() -> int:
        return sum(name.startswith("rows/part-") for name in bucket.names(output))

    with start_into_s3(source, output, "--max-actors", 1) as job:
        until(lambda: parts() >= 2, "two parts are done")
        for process in actors(cluster_processes(ray_cluster)):
            kill(process.pid)
        before = parts()
        until(lambda: parts() > before, "the run goes on without them")
        kill(job.process.pid)
        job.process.wait()
    assert "summary.json" not in bucket.names(output) and parts() < PARTS
    with start_into_s3(source, output, "--max-actors", 1) as again:
        again.says("going on after ")
        until(lambda: bool(actors(cluster_processes(ray_cluster))), "it has an actor")
        # While they stand still, the run is not over before the other has looked.
        held = actors(cluster_processes(ray_cluster))
        for process in held:
            os.kill(process.pid, signal.SIGSTOP)
        with start_into_s3(source, output) as second:
            assert second.ended() == 1, second.out
        for process in held:
            os.kill(process.pid, signal.SIGCONT)
        assert again.ended() == 0, again.err
    assert second.err.startswith(f"error: Another process ({again.process.pid} on ")
    assert second.err.endswith(f") is labelling into {output}; wait for it, or end it.\n")
    assert again.last_line.endswith(f"; rows and report.html in {output}")
    assert pa.concat_tables(read_shards(f"{output}/rows", "parquet")).equals(undisturbed)
    files = bucket.files(output)
    assert {name.partition("/")[0] for name in files} == {"run.json", "rows", "summary.json", "report.html", ".work"}
    assert {name for name in files if name.startswith(".work/") and "/listing/" not in name} == {
        f".work/kept/{part:06d}-0.npz" for part in range(PARTS)
    }
    told = [job.out, job.err, again.out, again.err, second.err, *(str(content) for content in files.values())]
    assert not any(SECRET in one for one in told)


def test_the_second_start_of_a_run_is_refused(twice: Twice) -> None:
    assert twice.second.process.returncode == 1
    assert twice.second.err.startswith(f"error: Another process ({twice.first.process.pid} on ")
    assert twice.second.err.endswith(f") is labelling into {twice.output}; wait for it, or end it.\n")


def test_what_ends_every_process_that_reads_it_becomes_error_rows(start: Start, tmp_path: Path) -> None:
    """Whoever begins with part 2 is killed: as if its items, three, could not be survived."""
    source, over = with_a_long_part(tmp_path / "in"), threading.Event()

    def watch() -> None:
        while not over.is_set():
            for pid in at_part(LONG, tmp_path / "out"):
                kill(pid)
            over.wait(0.02)

    watcher = threading.Thread(target=watch)
    with start(source, tmp_path / "out", "--max-actors", 1) as job:
        watcher.start()
        try:
            code = job.ended()
        finally:
            over.set()
            watcher.join()
    assert code == 3, job.out + job.err
    assert "processes died in " in job.out
    table = rows(tmp_path / "out")
    once(table, 153)
    lost = table.filter(pc.equal(table["status"], "error"))
    assert lost["source"].to_pylist() == [f"{source}/0002.parquet"] * 3
    assert lost["item"].to_pylist() == [0, 1, 2]
    assert set(lost["reason"].to_pylist()) == {"the process that read it died (crashed, killed, or out of memory)"}


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(
    start: Start, source: Path, undisturbed: pa.Table, tmp_path: Path
) -> None:
    output = tmp_path / "disk"
    output.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", output], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        with start(source, output / "out", "--max-actors", 1) as job:
            assert job.ended() == 1, job.out
        assert job.err == (
            f"error: There is no space left for {output}/out. What was written is kept: free some space, and start the "
            "same run again.\n"
        )
        kept = shards(output / "out")
        assert 0 < kept < PARTS
        subprocess.run(["mount", "-o", "remount,size=50m", output], check=True)
        with start(source, output / "out", "--max-actors", 1) as again:
            assert again.ended() == 0, again.err
        assert rows(output / "out").equals(undisturbed)
    finally:
        subprocess.run(["umount", "-l", output], check=True)
