"""A Redis server on loopback, which can be killed and started anew on the same data."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.processes import until

PASSWORD = "a-password-that-nobody-may-read"
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


class RedisServer:
    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self.port = folder, port
        self._numbers = count()
        self._process: subprocess.Popen[bytes] | None = None
        self.client = Redis(port=port, password=PASSWORD, socket_timeout=30)

    def start(self, *settings: str) -> None:
        where = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", "")
        known = ("--requirepass", PASSWORD, "--daemonize", "no", "--logfile", "log")
        command = ["redis-server", *where, *known, *(settings or DURABLE)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self._answers, "the server answers")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def new_name(self) -> str:
        """Of a stream that is not there yet."""
        return f"stream-{next(self._numbers)}"

    def uri(self, name: str, more: str = "", *, password: str = PASSWORD, port: int | None = None) -> str:
        return f"redis://:{password}@127.0.0.1:{port or self.port}/0?stream={name}{more}"

    def rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(fields[b"row"]) for _, fields in self.client.xrange(name)]

    def _answers(self) -> bool:
        with suppress(RedisError):
            return bool(self.client.ping())
        return False


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("no Redis on this machine (Debian: apt-get install redis-server)")
    server = RedisServer(tmp_path_factory.mktemp("redis"), free_port())
    server.start()
    try:
        yield server
    finally:
        server.client.close()
        server.kill()
