"""Whether a Ray is lost, as a job that runs on it is told."""

from __future__ import annotations

import socket

import pytest

from pipelines.ray_runtime import watch
from pipelines.ray_runtime.watch import Silence


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
    assert lost() == f"The Ray cluster at {address} has not answered for 21 s."


@pytest.mark.parametrize("address", ["auto", "local", "ray://somewhere"])
def test_an_address_without_a_port_is_left_to_ray(address: str) -> None:
    assert Silence(address)() is None
