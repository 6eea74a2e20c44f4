"""The online server on a port of this machine, without Ray: the same application that a replica holds.

Its pages come with the strictest policy, whatever the server itself allows, and must work with that.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.http.asgi import build
from serve_app.serving.dataplane import DataPlane
from serve_app.settings import Settings

POLICY = (b"content-security-policy", b"default-src 'self'")


class RunningServer:
    """Can be closed and opened again on the same port, as a server that goes down and comes back."""

    def __init__(self, **settings: Any) -> None:
        self._settings = Settings(**{"engine": "onnxruntime", "threads": 1, **settings})
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/"

    def open(self) -> RunningServer:
        config = uvicorn.Config(
            strict(build(DataPlane(self._settings))),
            port=self._port,
            lifespan="on",
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive())
        assert self._server.started
        return self

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()


def strict(app: ASGIApp) -> ASGIApp:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [pair for pair in message["headers"] if pair[0] != POLICY[0]]
                message = {**message, "headers": [*others, POLICY]}
            await send(message)

        await app(scope, receive, sent)

    return wrapped


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def wait_until(holds: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)
