"""The loop with real readers: items on which processes die, hang or fail cost themselves alone, order is kept, what is
polled is bounded, and outages are told and waited for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import pyarrow.parquet as pq
import pytest

from pipelines.models.store import ModelStore
from tests.clusters import RayCluster
from tests.labels import digits
from tests.labels import models as models
from tests.processes import Home, new_home
from tests.streams import in_table

KEYS, EACH = "abcd", 12
ODD = {("a", "7"): "process_died", ("b", "5"): "timeout", ("c", "3"): "unexpected_failure"}

PROGRAM = """
import json, os, sys, time
from functools import partial

from pipelines.errors import DataError
from pipelines.labeling.readers import Readers
from pipelines.models.folder import open_model
from pipelines.models.store import ModelStore
from pipelines.streaming.driver import Pace
from pipelines.streaming.run import StreamRequest, read_stream
from pipelines.streaming.sinks.delta import DeltaSink
from pipelines.streaming.sinks.upkeep import Upkeep
from pipelines.streaming.source import Arrival
from pipelines.streaming.work import DigitWork
from tests.streams import ListSource


class Odd:
    waits = False

    def __init__(self, how):
        self.how = how

    def read(self):
        if self.how == "process_died":
            os._exit(1)
        if self.how == "timeout":
            time.sleep(1000)
        raise ValueError("odd")


class Flaky(ListSource):
    # Away now and then; and it knows how many of its items are not in the sink.
    given, in_sink = 0, {}
    away = ["polled", "committed"]

    def poll(self, limit, timeout_s):
        self.be_away("polled")
        arrived = super().poll(limit, timeout_s)
        self.given += len(arrived)
        assert self.given - sum(int(at) + 1 for at, _ in self.in_sink.values()) <= 16
        return arrived

    def commit(self, done):
        self.in_sink.update(done)
        self.be_away("committed")
        return super().commit(done)

    def be_away(self, when):
        if when in self.away:
            self.away.remove(when)
            raise DataError(f"It cannot be {when}.")


class Told:
    def line(self, text):
        print(text, flush=True)

    alert = line

    def status(self, status):
        pass


output, store, picture, odd, keys, each = sys.argv[1:]
odd, picture = {tuple(key.split()): how for key, how in json.loads(odd).items()}, open(picture, "rb").read()
items = [
    Arrival(key, str(at), f"{key}{at}", time.time(), Odd(odd[key, str(at)]) if (key, str(at)) in odd else picture)
    for at in range(int(each))
    for key in keys
]
work, source = DigitWork(), Flaky(items)
read_stream(
    StreamRequest(
        work=work,
        source=lambda: source,
        sink=partial(DeltaSink, output, work.workload.schema, Upkeep()),
        readers=Readers(
            models=[open_model("small", ModelStore(store))],
            engine="onnxruntime",
            precision="auto",
            accept_above=None,
            threads=1,
            gpus_per_actor=None,
            min_actors=None,
            max_actors=1,
            store=store,
        ),
        deadline=2,
        pace=Pace(batch_items=8, held_batches=2, commit_seconds=0.01, end_when_idle=0.5, alert_seconds=1),
    ),
    Told(),
)
print(json.dumps({key: position for key, position in source.done.items()}))
"""


@pytest.fixture
def home(ray_cluster: RayCluster, tmp_path: Path) -> Iterator[Home]:
    with new_home(tmp_path / "home", ray_cluster) as home:
        yield home


def test_odd_items_cost_themselves_alone(home: Home, models: ModelStore, repo: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    (tmp_path / "digit.png").write_bytes(cv2.imencode(".png", digits().images[0])[1].tobytes())
    odd = json.dumps({" ".join(key): how for key, how in ODD.items()})
    command = [sys.executable, "-c", PROGRAM, output, models, tmp_path / "digit.png", odd, KEYS, EACH]
    done = subprocess.run(
        [*map(str, command)], cwd=repo, env=home.env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Counter(in_table(output)) == Counter((key, str(at)) for key in KEYS for at in range(EACH))
    # Files are named by the numbers of their commits.
    rows = [row for file in sorted(output.rglob("rows/*/*.parquet")) for row in pq.read_table(file).to_pylist()]
    assert {(row["key"], row["at"]): row["reason_code"] for row in rows if row["status"] == "error"} == ODD
    for key in KEYS:
        assert [int(row["at"]) for row in rows if row["key"] == key] == list(range(EACH))
    for alert in ("It cannot be polled. It is", "It cannot be committed. It is", "Nothing was committed for"):
        assert alert in done.stdout
    assert json.loads(done.stdout.splitlines()[-1]) == {key: [str(EACH - 1), False] for key in KEYS}
