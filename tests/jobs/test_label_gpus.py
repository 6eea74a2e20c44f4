"""Readers that share GPUs, or have several: on a cluster that hands out three, though none of them is there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.ray_runtime.failures import RESTARTS
from tests.clusters import RayCluster, new_cluster
from tests.labels import once, rows, tables
from tests.processes import Home, new_home

CPUS, GPUS = 8, 3
PARTS, SIZE = 12, 5

EACH_ONCE = """
import json, os, sys, time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import ray

from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.workload import LabelledShard, ReaderConfig
from pipelines.labeling.pipeline import RunSpec, run_pipeline
from pipelines.labeling.run import LabelingRun, label
from pipelines.errors import ClusterError, GpuError, InkrayError
from pipelines.labeling.capacity import check_room, plan_capacity
from pipelines.labeling.run_folder import open_run
from pipelines.labeling.spread import over_the_cluster
from pipelines.ray_runtime import nodes
from pipelines.ray_runtime.nodes import Node, all_nodes, free_nodes
from pipelines.ray_runtime.session import ray_session
from tests.fake_engine import FakeEngine
from tests.inputs import find_input

source, output = sys.argv[1:]


class Telling(DigitWorkload):
    "Labels nothing: each reader and task notes which GPUs it sees, and each reader waits until all the others have."

    def __init__(self, seen, count):
        self.seen, self.count = seen, count

    def labeler(self, reader):
        told = {"ids": [str(one) for one in ray.get_gpu_ids()], "seen": os.environ.get("CUDA_VISIBLE_DEVICES")}
        (self.seen / str(os.getpid())).write_text(json.dumps(told))
        return self

    def to_block(self, shard):
        Path(self.seen.parent, "task").write_text(os.environ["CUDA_VISIBLE_DEVICES"])
        return super().to_block(shard)

    def label(self, shard, start=0):
        while len(list(self.seen.iterdir())) < self.count:
            time.sleep(0.05)
        return LabelledShard(pa.Table.from_pylist([{"source": "x", "status": "ok"}] * len(shard), self.schema))


class Failing(DigitWorkload):
    "Reads on a GPU that fails once in part 3, and always at item 2 of part 7."

    def __init__(self, failed):
        self.failed = failed

    def labeler(self, reader):
        return self

    def label(self, shard, start=0):
        with Card(lambda images, classes: self.read(images, shard.shard, start)) as engine:
            engine.run(shard.images)
        rows = [{"source": "x", "item": int(item), "status": "ok", "engine": "fake"} for item in shard.numbers]
        return LabelledShard(pa.Table.from_pylist(rows, self.schema))

    def read(self, images, part, start):
        if (part, start <= 2 < start + len(images)) == (7, True):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if part == 3 and not self.failed.exists():
            self.failed.touch()
            raise RuntimeError("CUDA out of memory")
        return 0.1


class Full(DigitWorkload):
    "No engine fits on its GPU."

    def __init__(self, tries):
        self.tries = tries

    def labeler(self, reader):
        (self.tries / str(os.getpid())).touch()
        raise GpuError("The GPU has no memory left for the engine.")


class Card(FakeEngine):
    on_gpu = True


class Listener:
    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)

    def shard_done(self, done):
        pass


with ray_session():
    found, told = find_input(source), {}
    for gpus, most in ((0, 1), (0.4, 7), (2, 7), (None, 5)):
        while sorted(map(repr, free_nodes())) != sorted(map(repr, all_nodes())):
            time.sleep(0.05)
        capacity = plan_capacity(free_nodes(), 1, gpus, None, most)
        folder = Path(output, str(gpus))
        (folder / "seen").mkdir(parents=True)
        with open_run(folder / "out", "parquet", {}, fresh=False) as run:
            reader = ReaderConfig("none", "", "", "none", "fp32", 1, 0.9)
            workload = Telling(folder / "seen", capacity.max_actors)
            spec = RunSpec(workload, found.input, run, reader, replace(capacity, min_actors=capacity.max_actors), 60)
            items = sum(done.items for done in run_pipeline(spec, found.tasks))
        readers = [json.loads(one.read_text()) for one in workload.seen.iterdir()]
        told[str(gpus)] = {"items": items, "readers": readers, "task": Path(folder, "task").read_text()}
    with open_run(Path(output, "failing"), "parquet", {}, fresh=False) as run:
        listener = Listener()
        workload, capacity = Failing(Path(output, "failed")), plan_capacity(all_nodes(), 1, 0.25, None, 2)
        spec = RunSpec(workload, found.input, run, reader, capacity, 60)
        label(LabelingRun(spec, found), listener)
        rows = [row for table in run.shards() for row in table.to_pylist()]
        told["failing"] = {"items": len(rows), "lines": listener.lines}
        told["failing"]["lost"] = [row for row in rows if row["status"] != "ok"]

    with open_run(Path(output, "full"), "parquet", {}, fresh=False) as run:
        tries = Path(output, "tries")
        tries.mkdir()
        try:
            label(LabelingRun(RunSpec(Full(tries), found.input, run, reader, capacity, 60), found), listener)
        except InkrayError as error:
            told["full"] = {"said": str(error), "tries": len(list(tries.iterdir()))}
    told["spread"] = list(over_the_cluster(lambda name: os.environ[name], ["CUDA_VISIBLE_DEVICES"]))
    holders = [ray.remote(num_cpus=0, num_gpus=0.7)(Listener).remote() for _ in range(3)]
    ray.get([one.__ray_ready__.remote() for one in holders])
    while sum(node.gpus for node in free_nodes()) > 0.91:
        time.sleep(0.05)
    nodes.PLACED_S = 2
    for share in (0.3, 0.4):
        free = free_nodes()
        try:
            check_room(plan_capacity(free, 1, share, None, 1), free)
        except ClusterError as error:
            told["taken"] = {"share": share, "said": str(error)}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def cluster(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    with new_cluster(tmp_path_factory.mktemp("cluster"), repo, CPUS, GPUS) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def home(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("home"), cluster) as home:
        yield home


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables(tmp_path_factory.mktemp("digits") / "in", [SIZE] * PARTS)


@pytest.fixture(scope="module")
def told(home: Home, source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("each")
    job = folder / "job.py"
    job.write_text(EACH_ONCE)
    ended = home.run(job, source, folder)
    assert ended.process.returncode == 0, ended.err
    return json.loads(ended.last_line)


def test_a_gpu_that_fails_costs_an_actor_and_only_what_fails_it_every_time(told: dict[str, Any]) -> None:
    failing = told["failing"]
    assert failing["items"] == PARTS * SIZE
    [lost] = failing["lost"]
    assert (lost["item"], lost["status"], lost["reason_code"]) == (2, "error", "process_died")
    said = "The engine fake failed in a batch: CUDA error: an illegal memory access was encountered"
    assert lost["reason"] == f"the process that read it died ({said})"
    lines = " ".join(failing["lines"])
    assert said in lines and "The engine fake failed in a batch: CUDA out of memory" in lines


def test_a_gpu_that_is_full_is_tried_again_and_told(told: dict[str, Any]) -> None:
    assert told["full"] == {"said": "The GPU has no memory left for the engine.", "tries": 1 + RESTARTS}


def test_a_reader_has_the_share_of_one_gpu_that_it_asked_for_or_gpus_of_its_own(told: dict[str, Any]) -> None:
    told = {gpus: one for gpus, one in told.items() if gpus in ("0", "0.4", "2", "None")}
    assert [(one["items"], one["task"]) for one in told.values()] == [(PARTS * SIZE, "")] * 4
    # Of whoever asks for none Ray itself hides none.
    assert told.pop("0")["readers"] == [{"ids": [], "seen": ""}]
    readers = {gpus: one["readers"] for gpus, one in told.items()}
    assert all(reader["seen"] == ",".join(reader["ids"]) for of in readers.values() for reader in of)
    held = {gpus: Counter(name for reader in of for name in reader["ids"]) for gpus, of in readers.items()}
    assert held["0.4"] == {"0": 2, "1": 2, "2": 2}
    assert [len(set(reader["ids"])) for reader in readers["2"]] == [2]
    assert sorted(held["None"].values()) == [1, 2, 2]


def test_other_tasks_see_no_gpu(told: dict[str, Any]) -> None:
    assert told["spread"] == [""]


def test_a_share_that_is_free_in_all_but_on_no_gpu_is_refused(told: dict[str, Any]) -> None:
    assert told["taken"]["share"] == 0.4
    assert told["taken"]["said"].startswith("No GPU has as much left as one actor needs (0.4), though there is as much")


def test_readers_share_the_gpus_that_are_free_and_label_all_there_is(
    home: Home, source: Path, repo: Path, tmp_path: Path
) -> None:
    words = ("--threads", 1, "--max-actors", 7)
    job = home.run(repo / "jobs" / "label.py", "digits", source, tmp_path / "out", *words)
    assert job.process.returncode == 0, job.err
    assert "1 to 7 readers of 1 threads, each with 0.3333 of a GPU, model builtin:1" in job.out
    once(rows(tmp_path / "out"), PARTS * SIZE)
