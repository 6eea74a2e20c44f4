"""An S3 server on loopback, with a bucket, for results in an object store."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import obstore
import pytest
from obstore.store import S3Store

SERVE = """
import logging, sys
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""
SECRET = "a-secret-that-nobody-may-read"


@dataclass(frozen=True)
class Bucket:
    endpoint: str
    name: str = "results"
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def env(self) -> dict[str, str]:
        """What the environment holds where somebody uses it."""
        return {"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": self.endpoint}

    def new_place(self) -> str:
        """A URI where nothing is yet."""
        return f"s3://{self.name}/some runs/{next(self.numbers)}"

    def names(self, uri: str) -> list[str]:
        """Of every object below a URI."""
        return [one["path"] for one in obstore.list(self._store(uri)).collect()]

    def files(self, uri: str) -> dict[str, bytes]:
        """Every object below a URI where nobody is at work, by its name there."""
        store = self._store(uri)
        return {name: obstore.get(store, name).bytes().to_bytes() for name in self.names(uri)}

    def _store(self, uri: str) -> S3Store:
        return S3Store(
            self.name,
            prefix=uri.removeprefix(f"s3://{self.name}/"),
            config={"access_key_id": "KEY", "secret_access_key": SECRET, "endpoint": self.endpoint},
            region="us-east-1",
            client_options={"allow_http": True},
        )


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Bucket]:
    """In a process of its own, since a library may hold up all threads of ours while it waits for an answer."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        bucket = Bucket(f"http://127.0.0.1:{int(server.stdout.readline())}")
        made = urllib.request.Request(f"{bucket.endpoint}/{bucket.name}", method="PUT")
        urllib.request.urlopen(made).close()
        yield bucket
        server.communicate()


@pytest.fixture
def bucket(s3_server: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket as this process reaches it."""
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    return s3_server
