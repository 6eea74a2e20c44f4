"""The streaming job as a process: killed, ended and taken over, and every version of every file has its row once."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from deltalake import DeltaTable

from pipelines.models.store import ModelStore
from tests.clusters import RayCluster
from tests.in_process import RunJob
from tests.labels import digits
from tests.processes import Home, Job, new_home, until
from tests.redis_server import PASSWORD, RedisServer
from tests.redis_server import redis_server as redis_server
from tests.streams import in_table

SOME = 300
ENDED = 128 + signal.SIGTERM


@pytest.fixture(scope="module")
def home(ray_cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("home"), ray_cluster) as home:
        yield home


Start = Callable[..., Job]


@pytest.fixture
def start(home: Home, repo: Path, models: ModelStore, tmp_path: Path) -> Start:
    (tmp_path / "in").mkdir()

    def begin(*words: object, source: object = tmp_path / "in", output: object = tmp_path / "out") -> Job:
        told = ("--model", "small", "--store", models, "--max-actors", 1, "--engine", "onnxruntime", *words)
        return home.start(repo / "jobs" / "stream.py", "digits", source, output, *told)

    return begin


def png(number: int) -> bytes:
    return cv2.imencode(".png", digits().images[number])[1].tobytes()


def land(folder: Path, numbers: range) -> None:
    """As programs should: written by another name, and renamed when it is whole."""
    for number in numbers:
        draft = folder / f".{number}.png"
        draft.write_bytes(png(number))
        draft.rename(folder / f"{number:04d}.png")


def has(output: Path, count: int) -> bool:
    return (output / "rows" / "_delta_log").exists() and len(in_table(output)) >= count


def terminated(job: Job) -> int:
    began = time.monotonic()
    job.process.send_signal(signal.SIGTERM)
    code = job.ended()
    assert time.monotonic() - began < 10, job.err
    return code


def test_every_version_has_its_row_once_whoever_is_killed_or_takes_over(start: Start, tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    land(source, range(SOME))
    with start("--batch-items", 4, "--commit-seconds", 0.01, "--afterwards", "move") as killed:
        until(lambda: has(output, 20), "some rows are there")
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.ended()
    assert len(in_table(output)) < SOME
    with start("--afterwards", "move") as first:
        until(lambda: has(output, SOME), "all rows are there")
        with start("--afterwards", "move") as second:
            second.says("another process leads at")
            land(source, range(SOME, SOME + 5))
            (source / "0007.png").write_bytes(b"no image")
            until(lambda: has(output, SOME + 6), "the rows of what came are there")
            assert terminated(first) == ENDED
            second.says("reading ")
            land(source, range(SOME + 5, SOME + 10))
            until(lambda: has(output, SOME + 11), "the second goes on")
            assert terminated(second) == ENDED
    assert first.err == second.err == "ended by SIGTERM\n"
    items = Counter(in_table(output))
    assert set(items.values()) == {1}
    assert Counter(key for key, _ in items) == Counter([*(f"{n:04d}.png" for n in range(SOME + 10)), "0007.png"])
    rows = DeltaTable(str(output / "rows")).to_pyarrow_table().sort_by("arrived_at").to_pylist()
    [failed] = [row for row in rows if row["status"] == "error"]
    assert (failed["key"], failed["reason_code"]) == ("0007.png", "unreadable_file")
    right = [row["value"] == str(digits().labels[int(row["key"][:4])]) for row in rows if row["value"] is not None]
    assert sum(right) > 0.9 * SOME
    assert len(list((source / "done").iterdir())) == SOME + 10
    assert [path.name for path in (source / "failed").iterdir()] == ["0007.png"]
    assert not list(source.glob("*.png"))


def test_from_redis_to_redis_with_the_server_and_the_job_killed(start: Start, redis_server: RedisServer) -> None:
    scans, labels = redis_server.new_name(), redis_server.new_name()
    places = {"source": redis_server.uri(scans, "&group=readers&trim=yes"), "output": redis_server.uri(labels)}
    for number in range(SOME):
        redis_server.client.xadd(scans, {"image": png(number), "name": f"{number}.png"})
    redis_server.client.xadd(scans, {"text": "no image"})
    with start("--batch-items", 4, "--commit-seconds", 0.01, **places) as killed:
        until(lambda: redis_server.client.xlen(labels) >= 20, "some rows are there")
        redis_server.kill()
        redis_server.start()
        until(lambda: redis_server.client.xlen(labels) >= 40, "it goes on with the server")
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.ended()
    assert redis_server.client.xlen(labels) < SOME
    with start("--end-when-idle", 1, **places) as last:
        assert last.ended() == 0
    *rows, failed = redis_server.rows(labels)
    assert [row["source"] for row in rows] == [f"{number}.png" for number in range(SOME)]
    right = [row["value"] == str(digits().labels[number]) for number, row in enumerate(rows) if row["value"]]
    assert sum(right) > 0.9 * SOME
    assert (failed["key"], failed["reason_code"]) == (scans, "missing_image")
    assert redis_server.client.xinfo_groups(scans)[0]["last-delivered-id"].decode() == failed["at"]
    assert redis_server.client.xlen(scans) == 1
    for job in (killed, last):
        assert PASSWORD not in job.out + job.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("digits", "none", "out"), "is no folder; name one that exists."),
        (("digits", "s4://bucket/in", "out"), "abfs, redis, rediss, kafka, kafkas, and not s4"),
        (("digits", "redis://:word@host", "out"), "redis://host names no stream; add it: redis://host?stream=NAME."),
        (("digits", ".", "out", "--deadline", 0), "--deadline is 0; it must be above 0."),
        (("digits", ".", "out", "--settle", -1), "--settle is -1; it must be at least 0."),
        (("digits", ".", "out", "--batch-items", 0), "--batch-items is 0; it must be at least 1."),
        (
            ("digits", ".", "redis://host?stream=a", "--merge-files", 9),
            "redis://host?stream=a has no files that could be merged (--merge-files).",
        ),
        (("forms", ".", "out"), "Which form?"),
    ],
)
def test_what_makes_no_sense_is_refused(run_job: RunJob, words: tuple[object, ...], said: str) -> None:
    ended = run_job("stream.py", *words)
    assert ended.returncode == 2
    assert said in ended.stderr
