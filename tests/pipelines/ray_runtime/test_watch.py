"""Whether a Ray is lost, as a job that runs on it is told."""

from __future__ import annotations

import socket
import threading

import pytest

from pipelines.ray_runtime import watch
from pipelines.ray_runtime.watch import Silence, ended_if


def test_a_cluster_is_lost_when_nobody_has_answered_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        lost = Silence(address)
        now[0] += 500
        assert lost() is None
    now[0] += watch.LOST_S
    assert lost() is None
    now[0] += 1
    assert lost() == f"The Ray cluster at {address} has not answered for 16 s."


@pytest.mark.parametrize("address", ["auto", "local", "ray://somewhere"])
def test_an_address_without_a_port_is_left_to_ray(address: str) -> None:
    assert Silence(address)() is None


def test_a_job_that_is_leaving_when_its_ray_is_lost_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole group of processes is told to end by one signal, and Ray may be the first of it."""
    monkeypatch.setattr(watch, "LOOK_S", 0.01)
    ended, seen = list[str](), threading.Event()
    monkeypatch.setattr(watch, "_end", ended.append)

    def lost() -> str:
        seen.set()
        return "It is gone."

    before = set(threading.enumerate())
    with ended_if(lost):
        assert seen.wait(60)
        [watching] = set(threading.enumerate()) - before
    watching.join(60)
    assert (watching.is_alive(), ended) == (False, [])


def test_a_job_that_stays_when_its_ray_is_lost_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_S", 0.01)
    ended = threading.Event()
    monkeypatch.setattr(watch, "_end", lambda why: ended.set())
    with ended_if(lambda: "It is gone.", leaving_s=0.01):
        assert ended.wait(60)
