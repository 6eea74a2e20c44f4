"""The server on a real Serve behind HAProxy: replicas are killed and replaced, and callers hardly notice."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from psutil import Process

from cluster import local
from pipelines.models.folder import PRETRAINED
from pipelines.models.store import ModelStore
from serve_app.settings import Settings
from tests.clusters import RayCluster, mentioning
from tests.processes import cluster_processes, listening_elsewhere, title, until
from tests.serve_app.servers import PNG, bar, png

CALLERS, CAPACITY = 32, Settings().requests
NINE = png(bar(9))
PAGE = "https://a.page"
SECONDS = 8
"""That a request may take, at the server and at HAProxy."""


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


@dataclass
class Callers:
    """Many concurrent callers that count the statuses of their answers."""

    url: str
    statuses: Counter[int | str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self.over.is_set():
                try:
                    answer = client.post(f"{self.url}/v1/digits", content=NINE, headers=PNG)
                    if answer.is_success:
                        self.statuses[200] += 1
                        self.models[answer.json()["model"]] += 1
                    else:
                        self.statuses[f"{answer.status_code}: {answer.text}"] += 1
                except httpx.HTTPError as error:
                    self.statuses[f"{type(error).__name__}: {error}"] += 1

    @contextmanager
    def asking(self) -> Iterator[Callers]:
        threads = [threading.Thread(target=self.ask) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    @property
    def failed(self) -> dict[int | str, int]:
        return {status: count for status, count in self.statuses.items() if status != 200}

    def more(self, count: int = 200) -> None:
        """Wait until so many more were answered."""
        goal = self.statuses.total() + count
        until(lambda: self.statuses.total() >= goal, f"{count} more answers")


@dataclass
class Served:
    url: str
    store: ModelStore
    cluster: RayCluster
    process: subprocess.Popen[str]

    def open(self, **settings: Any) -> None:
        defaults = {"models": ["ink:production"], "store": str(self.store), "replicas": 2, "cpus": 0.5, "threads": 1}
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps({**defaults, "seconds": SECONDS, "watch_seconds": 0.2, **settings}) + "\n")
        self.process.stdin.flush()
        # Ray too says things there, such as that a replica was killed.
        assert any(line == "open\n" for line in self.process.stdout)

    def replicas(self) -> list[Process]:
        return [one for one in cluster_processes(self.cluster) if title(one.pid).startswith("ray::ServeReplica")]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """Two versions of one model."""
    store = ModelStore(tmp_path_factory.mktemp("store"))
    manifest = json.loads((PRETRAINED / "manifest.json").read_text())
    files = tmp_path_factory.mktemp("files")
    (files / "model.onnx").write_bytes((PRETRAINED / "model.onnx").read_bytes())
    for _ in range(2):
        store.publish("ink", files, {"classes": manifest["classes"]})
    store.set_alias("ink", "production", 1)
    return store


@pytest.fixture(scope="module")
def served(repo: Path, store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    port, metrics, stats = free_ports(3)
    first = 20_000 + port % 5_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INKRAY_HOME", str(home))
        patch.setenv("INKRAY_SERVE_CORS", PAGE)
        patch.setenv("INKRAY_SERVE_SECONDS", str(SECONDS))
        patch.setenv("RAY_SERVE_HAPROXY_METRICS_PORT", str(metrics))
        patch.setenv("RAY_SERVE_HAPROXY_STATS_PORT", str(stats))
        patch.setenv("RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT", str(first))
        patch.setenv("RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT", str(first + 200))
        options = local.Up(port=0, dashboard_port=0, num_cpus=4, num_gpus=0)
        cluster, _ = local.up(options, local.state_folder(), repo)
        env = {**cluster.head_env(), **cluster.driver_env(), "PYTHONPATH": str(repo)}
    running = RayCluster(cluster.address, cluster.dashboard_url, env, home)
    command = [sys.executable, "-m", "tests.serve_app.served", str(port)]
    try:
        # In a session of its own: with the cluster's tag on it, all that shares its session counts as the cluster's.
        with subprocess.Popen(
            command,
            cwd=repo,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            server = Served(f"http://127.0.0.1:{port}", store, running, process)
            server.open()
            yield server
            process.communicate()
    finally:
        local.down(home / "cluster")
    assert mentioning(cluster.temp_dir) == {}


def test_it_stands_behind_haproxy_and_only_on_loopback(served: Served) -> None:
    processes = cluster_processes(served.cluster)
    assert any("haproxy" in title(process.pid) for process in processes)
    assert listening_elsewhere(processes) == {}


def test_a_killed_replica_costs_at_most_what_it_was_answering(served: Served) -> None:
    """HAProxy asks another replica for what was not answered; only on an answer half sent must it hang up."""
    with Callers(served.url).asking() as callers:
        callers.more()
        before = served.replicas()
        assert len(before) == 2
        os.kill(before[0].pid, signal.SIGKILL)
        callers.more()
        until(lambda: len(served.replicas()) == 2 and before[0] not in served.replicas(), "bring another replica")
        callers.more()
    assert [failure for failure in callers.failed if not str(failure).startswith("RemoteProtocolError")] == []
    assert sum(callers.failed.values()) <= 1


def test_a_new_version_under_load_fails_no_request(served: Served) -> None:
    with Callers(served.url).asking() as callers:
        callers.more()
        served.store.set_alias("ink", "production", 2)
        until(lambda: callers.models["ink:2"] > 100, "read with the new version")
        served.store.set_alias("ink", "production", 1)
        callers.more()
    assert callers.failed == {}
    assert set(callers.models) == {"ink:1", "ink:2"}


def test_new_settings_under_load_fail_no_request(served: Served) -> None:
    with Callers(served.url).asking() as callers:
        callers.more()
        before = served.replicas()
        served.open(rows=500)
        callers.more()
        until(lambda: not set(before) & set(served.replicas()), "replace every replica")
        callers.more()
    assert callers.failed == {}


async def crowd(url: str, size: int, seconds: float) -> Counter[tuple[int, str]]:
    """Count the statuses and error kinds that many callers get who each repeat their request once it is answered."""
    counts: Counter[tuple[int, str]] = Counter()
    heading = f"POST /v1/digits HTTP/1.1\r\nHost: server\r\nOrigin: {PAGE}\r\nContent-Type: image/png\r\n"
    request = heading.encode() + b"Content-Length: %d\r\n\r\n%b"
    now = asyncio.get_running_loop().time

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while now() < over:
            writer.write(request % (len(NINE), NINE))
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
            body = json.loads(await reader.readexactly(int(fields["content-length"])))
            if body.get("error"):
                assert fields["retry-after"] == "1"
                assert fields["access-control-allow-origin"] == PAGE
                assert body["error"]["request"] == fields["x-request-id"]
            counts[int(head.split()[1]), body.get("error", {}).get("kind", "")] += 1
        writer.close()

    host, port = url.removeprefix("http://").split(":")
    callers = await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(size)))
    over = now() + seconds
    await asyncio.gather(*(one(*caller) for caller in callers))
    return counts


def test_excess_requests_are_rejected_immediately_and_the_others_served(served: Served) -> None:
    counts = asyncio.run(crowd(served.url, 3 * CAPACITY, 5))
    assert set(counts) == {(200, ""), (503, "overloaded")}
    assert counts[200, ""] > CALLERS
    with Callers(served.url).asking() as callers:
        callers.more()
    assert callers.failed == {}


HEADERS = f"HTTP/1.1\r\nHost: server\r\nOrigin: {PAGE}\r\nContent-Type: image/png\r\n"
IN_THE_HEADERS = "POST /v1/digits HTTP/1.1\r\nHost: do"
SILENT = [
    IN_THE_HEADERS,
    f"PUT /v1/templates/slow {HEADERS}Content-Length: 9\r\n\r\n",
    f"PATCH /v1/digits {HEADERS}Transfer-Encoding: chunked\r\n\r\n",
    f"POST /v1/digits {HEADERS}Content-Length: 9\r\n\r\n",
    f"POST /v2/models/ink/infer {HEADERS}Content-Length: 9\r\n\r\n",
]
SILENT_IN_LONG = [
    f"POST /v1/digits {HEADERS}Content-Length: 200000\r\n\r\n{'-' * 100_000}",
    f"PUT /v1/templates/slow {HEADERS}Content-Length: 200000\r\n\r\n{'-' * 100_000}",
]
"""What is sent of a request before its caller falls silent; long is what HAProxy cannot keep until it is whole."""
OF_EACH = 300


@contextmanager
def room_for_files(count: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], count), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def silence(url: str) -> list[set[int]]:
    """What they hear before they are hung up on; meanwhile a digit is read in less than a second."""
    begun = asyncio.Semaphore(0)

    async def one(said: str) -> int:
        reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
        writer.write(said.encode())
        await writer.drain()
        begun.release()
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        if said != IN_THE_HEADERS:
            check_error(head, json.loads(body)["error"])
        return int(head.split()[1])

    async def crowd(said: str) -> set[int]:
        return set(await asyncio.gather(*(one(said) for _ in range(OF_EACH))))

    said = SILENT + SILENT_IN_LONG
    crowds = asyncio.gather(*map(crowd, said))
    for _ in range(OF_EACH * len(said)):
        await begun.acquire()
    waits = await asyncio.to_thread(lambda: [time_a_digit(url) for _ in range(5)])
    assert sorted(waits)[2] < 1
    async with asyncio.timeout(6 * SECONDS):
        return await crowds


def check_error(head: str, error: dict[str, str] | str) -> None:
    """That a page may see it, and that it names the request, as its protocol does."""
    fields = dict(line.split(": ", 1) for line in head.lower().splitlines()[1:])
    assert fields["access-control-allow-origin"] == PAGE
    request = error.partition("[")[2].rstrip("]") if isinstance(error, str) else error["request"]
    assert request and request == fields["x-request-id"]


def time_a_digit(url: str) -> float:
    begun = time.monotonic()
    assert httpx.post(f"{url}/v1/digits", content=NINE, headers=PNG, timeout=60).status_code == 200
    return time.monotonic() - begun


def test_callers_who_fall_silent_hold_up_nobody_and_are_hung_up_on(served: Served) -> None:
    with room_for_files(2 * OF_EACH * len(SILENT + SILENT_IN_LONG)):
        heard = asyncio.run(silence(served.url))
    assert heard[: len(SILENT)] == [{408}] * len(SILENT)
    assert set.union(*heard[len(SILENT) :]) == {408, 503}
    # More than there is room for at once, so it is given back.
    with httpx.Client(base_url=served.url) as client:
        long = [client.post("/v1/digits", content=NINE + bytes(200_000), headers=PNG) for _ in range(OF_EACH)]
    assert {answer.status_code for answer in long} == {200}
