"""Servers in this process, without Ray and with a fake reader that needs no model."""

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

    def __init__(self, model: str = "fake:1", read: Read = by_brightness, classes: list[str] = DIGITS) -> None:
        self.model, self.classes, self.load_seconds = model, classes, 0.0
        self._names = np.array(classes)
        self._engine = FakeEngine(read)


def open_fake(reference: str) -> Recognizer:
    name, _, version = reference.partition(":")
    return FakeReader(f"{name}:{version or 1}")


@contextmanager
def open_server(open_model: OpenModel | None = open_fake, **settings: Any) -> Iterator[TestClient]:
    """A client of a started server; with `open_model=None` it reads with real models."""
    given = {"models": ("fake",), "watch_seconds": 0, "threads": 1, **settings}
    plane = DataPlane(Settings(**given), opener=open_model)
    with TestClient(build(plane), raise_server_exceptions=False) as client:
        yield client


@contextmanager
def listening(**settings: Any) -> Iterator[int]:
    """The port of a server that listens on one, for clients that need it."""
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
    """An image in the form of the model's input, so that preparation leaves it unchanged; it shows no digit."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 200
    image[4:24, 13] = brightness
    return image


def bar(digit: int) -> NDArray[np.uint8]:
    """What the fake reader reads as this digit, which must be 8 or 9: darker images would be changed by preparation."""
    return square({8: 215, 9: 255}[digit])


def png(image: NDArray[Any]) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
