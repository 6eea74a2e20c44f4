"""Readers that share GPUs, or have several: on a cluster that hands out three, though none of them is there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

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
from pipelines.labeling.inputs import find_input
from pipelines.labeling.workload import LabelledShard, ReaderConfig
from pipelines.labeling.pipeline import RunSpec, run_pipeline
from pipelines.labeling.capacity import plan_capacity
from pipelines.labeling.run_folder import open_run
from pipelines.ray_runtime.nodes import Node, all_nodes, free_nodes
from pipelines.ray_runtime.session import ray_session

source, output = sys.argv[1:]


class Telling(DigitWorkload):
    "Labels nothing: each reader notes which GPUs it has, and waits until all the others have."

    def __init__(self, seen, count):
        self.seen, self.count = seen, count

    def labeler(self, reader):
        told = {"ids": [str(one) for one in ray.get_gpu_ids()], "seen": os.environ.get("CUDA_VISIBLE_DEVICES")}
        (self.seen / str(os.getpid())).write_text(json.dumps(told))
        return self

    def label(self, shard, start=0):
        while len(list(self.seen.iterdir())) < self.count:
            time.sleep(0.05)
        return LabelledShard(pa.Table.from_pylist([{"source": "x", "status": "ok"}] * len(shard), self.schema))


with ray_session():
    found, told = find_input(source), {}
    for gpus, most in ((0, 1), (0.25, 5), (0.4, 7), (1, 7), (2, 7)):
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
        told[gpus] = {"items": items, "readers": [json.loads(one.read_text()) for one in workload.seen.iterdir()]}
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


def test_a_reader_has_the_share_of_one_gpu_that_it_asked_for_or_gpus_of_its_own(
    home: Home, source: Path, tmp_path: Path
) -> None:
    job = tmp_path / "job.py"
    job.write_text(EACH_ONCE)
    ended = home.run(job, source, tmp_path)
    assert ended.process.returncode == 0, ended.err
    told = json.loads(ended.last_line)
    assert [one["items"] for one in told.values()] == [PARTS * SIZE] * 5
    # Of whoever asks for none Ray hides none.
    assert told.pop("0")["readers"] == [{"ids": [], "seen": None}]
    readers = {gpus: one["readers"] for gpus, one in told.items()}
    assert all(reader["seen"] == ",".join(reader["ids"]) for of in readers.values() for reader in of)
    held = {gpus: Counter(name for reader in of for name in reader["ids"]) for gpus, of in readers.items()}
    assert sorted(held["0.25"].values()) == [1, 4]
    assert held["0.4"] == {"0": 2, "1": 2, "2": 2}
    assert held["1"] == {"0": 1, "1": 1, "2": 1}
    assert [len(set(reader["ids"])) for reader in readers["2"]] == [2]


def test_readers_on_shares_of_gpus_label_all_there_is(home: Home, source: Path, repo: Path, tmp_path: Path) -> None:
    words = ("--engine", "openvino", "--threads", 1, "--gpus-per-actor", 0.4, "--max-actors", 7)
    job = home.run(repo / "jobs" / "label.py", "digits", source, tmp_path / "out", *words)
    assert job.process.returncode == 0, job.err
    assert "7 actors of 1 threads do not fit into what is free; taking 6" in job.out
    once(rows(tmp_path / "out"), PARTS * SIZE)
