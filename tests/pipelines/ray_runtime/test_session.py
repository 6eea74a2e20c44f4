"""A job's own Ray: what tasks and actors need and nothing else, and it ends with the job, however that ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray._private.node import Node
from ray._private.ray_constants import PROCESS_TYPE_RAYLET
from ray._raylet import NodeID
from ray.exceptions import RpcError

from pipelines.errors import ClusterError
from pipelines.ray_runtime.head import Head, ray_head
from tests.clusters import RayCluster
from tests.processes import cluster_processes, gone, new_home, title, until

JOB = """
import threading
import ray
from pipelines.ray_runtime.session import RayNeeds, ray_session

with ray_session(RayNeeds(runtime_envs=False)):
    print("answer", ray.get(ray.remote(lambda: 6 * 7).remote()), flush=True)
    threading.Event().wait()
"""
HELPERS = ("dashboard.py", "monitor.py", "DashboardAgent", "RuntimeEnvAgent")
"""Of Ray, "monitor.py" also in log_monitor.py: they take a second and more of each start, and nobody looks at them."""


@pytest.fixture(scope="module")
def afterwards() -> Iterator[ExitStack]:
    """What is done when all tests are over: some of Ray's processes outlive a driver that is killed by a minute."""
    with ExitStack() as held:
        yield held


def test_a_job_has_a_ray_without_helpers_that_dies_with_it(afterwards: ExitStack, tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(JOB)
    home = afterwards.enter_context(new_home(tmp_path / "home"))
    with home.start(job) as started:
        started.says("answer 42")
        processes = home.processes()
        titles = [title(process.pid) for process in processes]
        assert any("raylet" in one for one in titles)
        assert [one for one in titles if any(helper in one for helper in HELPERS)] == []
        [folder] = home.scratch.glob("inkray-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert sorted(inner.name for inner in folder.iterdir()) == ["job.lock", "ray"]
        started.process.kill()
    afterwards.callback(until, lambda: gone(processes), "end with the job")


SPILLING = """
import sys
import threading
from pathlib import Path
import numpy as np
import ray
from pipelines.ray_runtime.session import RayNeeds, ray_session

with ray_session(RayNeeds(Path(sys.argv[1]), runtime_envs=False)):
    objects = [ray.put(np.full(40 << 20, number, np.uint8)) for number in range(4)]
    print("read back", [int(ray.get(one)[-1]) for one in objects], flush=True)
    threading.Event().wait()
"""


def test_what_its_memory_cannot_hold_lies_in_the_folder_that_was_named(afterwards: ExitStack, tmp_path: Path) -> None:
    job, folder = tmp_path / "job.py", tmp_path / "scans #1?"
    job.write_text(SPILLING)
    folder.mkdir()
    home = afterwards.enter_context(new_home(tmp_path / "home"))
    # Little enough for two of the four objects.
    home.env["RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES"] = str(100 << 20)
    with home.start(job, folder) as started:
        started.says("read back [0, 1, 2, 3]")
        processes = home.processes()
        started.process.kill()

    def check() -> None:
        until(lambda: gone(processes), "end with the job")
        assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) > 40 << 20
        left = [file for file in home.scratch.rglob("*") if file.is_file() and not file.is_symlink()]
        assert max(file.stat().st_size for file in left) < 10 << 20, left

    afterwards.callback(check)


def test_an_address_for_submitting_is_not_ignored_in_silence(afterwards: ExitStack, tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(JOB)
    home = afterwards.enter_context(new_home(tmp_path / "home"))
    home.env["RAY_ADDRESS"] = "http://127.0.0.1:9"
    with home.start(job) as started:
        started.says("answer 42")
        assert started.err == (
            "RAY_ADDRESS=http://127.0.0.1:9 is where `ray job submit` takes jobs; "
            "this one was started directly, and runs with a Ray of its own\n"
        )
        processes = home.processes()
    afterwards.callback(until, lambda: gone(processes), "end with the job")


ENDED = """
import threading
from dataclasses import dataclass
from jobs._cli import run
from pipelines.ray_runtime.session import ray_session

@dataclass
class Options:
    pass

def main(options):
    with ray_session():
        print("begun", flush=True)
        threading.Event().wait()

run(Options, main)
"""


def test_a_job_that_is_ended_says_so_and_takes_its_ray_along(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(ENDED)
    with new_home(tmp_path / "home") as home, home.start(job) as started:
        started.says("begun")
        processes = home.processes()
        started.process.terminate()
        assert (started.ended(), started.err) == (143, "ended by SIGTERM\n")
        until(lambda: gone(processes), "end with the job")


def test_a_job_whose_ray_died_says_so_and_ends(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(ENDED)
    with new_home(tmp_path / "home") as home, home.start(job) as started:
        started.says("begun")
        processes = home.processes()
        [head] = [process for process in processes if process.name() == "gcs_server"]
        head.kill()
        assert started.process.wait(30) == 1
        assert started.err == (
            "error: Ray's gcs_server, which this job had started, was killed or has crashed. "
            "Start the same again; what was done is kept.\n"
        )
        until(lambda: gone(processes), "end with the job")


HUNG = """
import ctypes
import os
from dataclasses import dataclass
import ray
from jobs._cli import run
from pipelines.ray_runtime.session import ray_session

def hang():
    library, locked = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    library.pthread_mutex_lock(locked)
    library.pthread_mutex_lock(locked)

@ray.remote
class Actor:
    def pid(self):
        return os.getpid()
    def hang(self):
        hang()

@dataclass
class Options:
    pass

def main(options):
    with ray_session():
        actor = Actor.remote()
        print("actor", ray.get(actor.pid.remote()), flush=True)
        actor.hang.remote()
        hang()

run(Options, main, grace=1)
"""
CUT_OFF = "ended by SIGTERM; what was under way did not end within 1 s, and was cut off\n"


def test_a_job_that_is_cut_off_takes_its_ray_along(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(HUNG)
    with new_home(tmp_path / "home") as home, home.start(job) as started:
        started.says("actor ")
        processes = home.processes()
        started.process.terminate()
        assert (started.ended(), started.err) == (143, CUT_OFF)
        until(lambda: gone(processes), "end with the job", seconds=8)


def test_a_job_that_is_cut_off_leaves_nothing_on_the_cluster(
    ray_cluster: RayCluster, repo: Path, tmp_path: Path
) -> None:
    job = tmp_path / "job.py"
    job.write_text(HUNG)
    with new_home(tmp_path / "home", ray_cluster) as home:
        home.env["PYTHONPATH"] = str(repo)
        with home.start(job) as started:
            started.says("actor ")
            [actor] = [one for one in cluster_processes(ray_cluster) if one.pid == int(started.out.split()[-1])]
            started.process.terminate()
            assert (started.ended(), started.err) == (143, CUT_OFF)
        until(lambda: gone([actor]), "end with the job", seconds=8)


def test_a_ray_that_does_not_start_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def late(*_: object, **__: object) -> None:
        raise Exception("The current node timed out during startup. This could happen")

    monkeypatch.setattr("pipelines.ray_runtime.head.Head", late)
    with pytest.raises(ClusterError) as refused, ray_head(str(tmp_path)):
        pass
    assert str(refused.value) == (
        "Ray did not start (The current node timed out during startup. This could happen). "
        "Try again when this machine has less to do."
    )


@pytest.mark.parametrize(("known_at", "dies_at", "looks"), [(2, 9, 2), (4, 9, 4), (9, 4, 3)])
def test_ray_is_waited_for_until_it_is_known_or_dead(
    known_at: int, dies_at: int, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = itertools.count(1)

    def get_all_node_info(timeout: float) -> dict[NodeID, object]:
        look = next(looked)
        if look == 1:
            raise RpcError("it does not listen yet")
        return {} if look < known_at else {node: None}

    alive, node = itertools.count(1), NodeID.from_random()
    raylet = SimpleNamespace(process=SimpleNamespace(poll=lambda: None if next(alive) < dies_at else 1))
    monkeypatch.setattr(Node, "start_ray_processes", lambda head: None)
    gcs = SimpleNamespace(get_all_node_info=get_all_node_info)
    head = object.__new__(Head)
    head.__dict__.update(all_processes={PROCESS_TYPE_RAYLET: [raylet]}, get_gcs_client=lambda: gcs, _node_id=node.hex())
    head.start_ray_processes()
    assert next(looked) - 1 == looks


REFUSED = """
from jobs._cli import run
from pipelines.ray_runtime.session import ray_session
from dataclasses import dataclass

@dataclass
class Options:
    pass

def main(options):
    with ray_session():
        print("connected")

run(Options, main)
"""


@pytest.mark.parametrize(
    "own", [{}, {"RAY_AUTH_MODE": "token"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64}]
)
def test_a_cluster_whose_token_one_lacks(
    own: dict[str, str], ray_cluster: RayCluster, repo: Path, tmp_path: Path
) -> None:
    job = tmp_path / "job.py"
    job.write_text(REFUSED)
    with new_home(tmp_path / "home", ray_cluster) as home:
        for name in [name for name in home.env if name.startswith("RAY_AUTH")]:
            del home.env[name]
        home.env.update({"PYTHONPATH": str(repo)} | own)
        ended = home.run(job)
    assert (ended.process.returncode, ended.out) == (1, "")
    assert ended.err == (
        f"error: The cluster at RAY_ADDRESS={ray_cluster.address} asks for a token, and there is none here, or another "
        "one. Set RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH as where it was started.\n"
    )
