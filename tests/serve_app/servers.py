"""Servers in this process, without Ray and with a reader that needs no model, for tests that ask them things."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.testclient import TestClient

from pipelines.inference.engines.base import Images, Probabilities
from pipelines.inference.recognizer import Recognizer
from serve_app.http.asgi import build
from serve_app.serving.dataplane import DataPlane
from serve_app.serving.registry import OpenModel
from serve_app.settings import Settings
from tests.fake_engine import FakeEngine, by_brightness

DIGITS = [str(digit) for digit in range(10)]
PNG = {"Content-Type": "image/png"}
Read = Callable[[Images, int], Probabilities]


class FakeReader(Recognizer):
    """Reads a picture by its brightest pixel: 26 times the digit."""

    def __init__(self, model: str = "fake:1", read: Read = by_brightness) -> None:
        self.model, self.classes, self.load_seconds = model, DIGITS, 0.0
        self._names = np.array(DIGITS)
        self._engine = FakeEngine(read)


def open_fake(reference: str) -> Recognizer:
    name, _, version = reference.partition(":")
    return FakeReader(f"{name}:{version or 1}")


@contextmanager
def open_server(open_model: OpenModel | None = open_fake, **settings: Any) -> Iterator[TestClient]:
    """A server that answers; with `open_model=None` the model that comes with the code reads."""
    given = {"models": ("fake",), "watch_seconds": 0, "threads": 1, **settings}
    plane = DataPlane(Settings(**given), opener=open_model)
    with TestClient(build(plane), raise_server_exceptions=False) as client:
        yield client


@contextmanager
def listening(**settings: Any) -> Iterator[int]:
    """A server on a port, for clients that want one."""
    plane = DataPlane(Settings(**{"models": ("fake",), "watch_seconds": 0, **settings}), opener=open_fake)
    server = uvicorn.Server(uvicorn.Config(build(plane), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def square(brightness: int) -> NDArray[np.uint8]:
    """In the model's form, so that it stays as it is; nobody would call it a digit."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 200
    image[4:24, 13] = brightness
    return image


def bar(digit: int) -> NDArray[np.uint8]:
    """What the fake reader reads as this digit, of 8 and 9 alone: less bright is not in the model's form."""
    return square({8: 215, 9: 255}[digit])


def png(image: NDArray[Any]) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
