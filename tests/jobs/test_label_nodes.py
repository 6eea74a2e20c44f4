"""Labelling on three nodes, of which two die: the pool spreads over them, and the rows are those of a quiet run."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from psutil import Process

from pipelines.files.object_storage import ObjectStorage
from pipelines.forms.synthesis.designs import meter
from pipelines.forms.synthesis.forms import synthesise, write_blank_pages
from pipelines.forms.templates.loading import write_template
from pipelines.models.store import ModelStore
from tests.clusters import RayCluster, new_cluster
from tests.labels import LONG, actors, at_part, at_work, lasting, once, rows, shards, tables, with_a_long_part
from tests.nodes import Node, joined
from tests.processes import Home, Job, cluster_processes, new_home, until
from tests.s3 import Bucket

PARTS, SIZE = 60, 1500
PAGES, DRAWN = 24, 2
CPUS = THREADS = 2


@dataclass(frozen=True)
class Nodes:
    """A head and two that joined it; each has room for one actor, so that a pool of several is on several nodes."""

    cluster: RayCluster
    workers: list[Node]

    def actors(self, job: Job) -> list[int]:
        """How many run on each node, the head's first, while the job is not over."""
        assert job.process.poll() is None, job.out + job.err
        return [len(actors(processes)) for processes in self.processes()]

    def stopped_at_work(self, job: Job, place: int, output: Path) -> bool:
        """Whether an actor of this node now stands still in the midst of a part."""
        assert job.process.poll() is None, job.out + job.err
        for actor in actors(self.processes()[place]):
            os.kill(actor.pid, signal.SIGSTOP)
            if at_work(actor, output):
                return True
            os.kill(actor.pid, signal.SIGCONT)
        return False

    def processes(self) -> list[list[Process]]:
        return [cluster_processes(self.cluster), *(node.processes() for node in self.workers)]


@pytest.fixture(scope="module")
def nodes(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with ExitStack() as held:
        # A node is taken for dead after seconds, and not after the half minute that a real network may need.
        patch = held.enter_context(pytest.MonkeyPatch.context())
        for name, value in (("period_ms", "1000"), ("timeout_ms", "2000"), ("failure_threshold", "3")):
            patch.setenv(f"RAY_health_check_{name}", value)
        cluster = held.enter_context(new_cluster(tmp_path_factory.mktemp("cluster"), repo, CPUS))
        yield Nodes(cluster, [held.enter_context(joined(cluster, CPUS)) for _ in range(2)])


@pytest.fixture(scope="module")
def home(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("home"), nodes.cluster) as home:
        yield home


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables(tmp_path_factory.mktemp("digits") / "in", [SIZE] * PARTS)


Start = Callable[..., Job]


@pytest.fixture(scope="module")
def start(home: Home, repo: Path, models: ModelStore, source: Path) -> Start:
    def begin(output: Path, *words: object, source: Path = source) -> Job:
        told = ("--model", "small", "--store", models, "--threads", THREADS, "--engine", "onnxruntime", *words)
        return home.start(repo / "jobs" / "label.py", "digits", source, output, *told)

    return begin


@pytest.fixture(scope="module")
def quiet(start: Start, nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """A run that nobody disturbs; its pool grows from one actor on one node over the others and one that joins."""
    output = tmp_path_factory.mktemp("quiet") / "out"
    with start(output, "--min-actors", 1, "--max-actors", 4) as job:
        job.says("1 to 3 readers of 2 threads")
        # While they stand still in the midst of a part, the work is never done before the others have come.
        stopped: set[int] = set()

        def all_stopped() -> bool:
            # Which node has the first actor is Ray's choice, so whichever is at work is stopped at once.
            running = [place for place in range(3) if place not in stopped]
            stopped.update(place for place in running if nodes.stopped_at_work(job, place, output))
            return len(stopped) == 3

        until(all_stopped, "every node has an actor at work")
        held = [one for processes in nodes.processes() for one in actors(processes)]
        with joined(nodes.cluster, CPUS) as newcomer:
            until(lambda: len(actors(newcomer.processes())) == 1, "the node that joined has an actor")
            for one in held:
                os.kill(one.pid, signal.SIGCONT)
            assert job.ended() == 0, job.out + job.err
    assert "4 actors of 2 threads do not fit into what is free; taking 3 until more is" in job.out
    return rows(output)


def test_the_pool_grows_over_the_nodes(quiet: pa.Table) -> None:
    once(quiet, PARTS * SIZE)


def test_forms_that_a_table_names_are_read_on_every_node_from_an_object_store_into_one(
    home: Home, nodes: Nodes, repo: Path, bucket: Bucket, tmp_path: Path
) -> None:
    """With a column of that table, into a Delta table; the driver is killed on the way."""
    # In a table, a name that is a URI has no spaces.
    source, output = f"s3://{bucket.name}/scans", bucket.new_place()
    scans = [cv2.imencode(".png", one.image)[1].tobytes() for one in synthesise(DRAWN, 3, "easy", (meter(),))]
    for number in range(PAGES):
        ObjectStorage(source).put(f"{number:02d}.png", scans[number % DRAWN])
    names = [f"{source}/{number:02d}.png" for number in range(PAGES)]
    pq.write_table(pa.table({"scan": names, "street": list(range(PAGES))}), tmp_path / "list.parquet")
    [card] = [one for one in write_blank_pages(tmp_path) if one.name == "meter"]
    write_template(card, tmp_path / "meter.yaml")
    words = ("--uri-column", "scan", "--keep-columns", "street", "--table", "delta", "--engine", "onnxruntime")
    told = (repo / "jobs" / "label.py", "forms", tmp_path / "list.parquet", output, *words, "--threads", THREADS)
    here = replace(home, env=home.env | bucket.env)
    with here.start(*told, "--template", tmp_path / "meter.yaml", "--min-actors", 3) as job:
        until(lambda: min(nodes.actors(job)) == 1, "every node has an actor")
        until(lambda: sum("rows/" in name for name in bucket.names(output)) >= 2, "two parts are done")
        job.process.kill()
        job.process.wait()
    with here.start(*told, "--template", tmp_path / "meter.yaml") as again:
        assert again.ended() == 0, again.out + again.err
    assert "going on after " in again.out
    place, options = ObjectStorage(output).for_tables("rows")
    read = DeltaTable(place, storage_options=options).to_pyarrow_table().to_pylist()
    of_pages = Counter((row["source"], row["street"]) for row in read)
    assert set(of_pages) == set(zip(names, range(PAGES), strict=True))
    assert set(Counter((row["source"], row["field"]) for row in read).values()) == {1}


def test_nodes_that_die_cost_no_row(start: Start, nodes: Nodes, quiet: pa.Table, tmp_path: Path) -> None:
    """One after the other, each in the midst of a part, until the head is alone, whose CPUs an actor has that hangs."""
    output = tmp_path / "out"
    with start(output, "--min-actors", 3) as job:
        until(lambda: nodes.stopped_at_work(job, 0, output), "the head is at work")
        for place, node in enumerate(nodes.workers, start=1):
            until(lambda: nodes.stopped_at_work(job, place, output), "the node is at work")  # noqa: B023
            node.kill()
        assert job.ended() == 0, job.out + job.err
        assert "retrying those in isolation" in job.out
    assert rows(output).equals(quiet)


def test_a_node_that_dies_while_its_actor_rests_and_that_no_other_replaces_ends_the_run_in_words(
    start: Start, nodes: Nodes, tmp_path: Path
) -> None:
    source, output = with_a_long_part(tmp_path / "in"), tmp_path / "out"
    with (
        joined(nodes.cluster, CPUS + 1) as large,
        start(output, "--threads", THREADS + 1, "--max-actors", 1, source=source) as job,
    ):
        until(lambda: bool(at_part(LONG, output)), "the long part is begun")
        (reader,) = at_part(LONG, output)
        # While it is held still, the actor soon has nothing to do.
        os.kill(reader, signal.SIGSTOP)
        until(lambda: shards(output) >= 2, "two parts are done")
        (only,) = actors(large.processes())
        until(lasting(lambda: not at_work(only, output)), "the actor rests")
        large.kill()
        with suppress(ProcessLookupError):
            os.kill(reader, signal.SIGCONT)
        assert job.ended() == 1, job.out + job.err
    assert job.err.startswith("error: Nodes were lost, and no actor fits into those that are left."), job.err
    assert job.err.endswith("What was labelled is kept: start the same run again to go on.\n")
