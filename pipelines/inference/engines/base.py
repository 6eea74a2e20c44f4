"""The contract of every engine: a backend implements `_infer` and `_release`, and fits on a screen."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError, EngineError, GpuError, first_line
from pipelines.images import SIDE

Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


class BatchSlice(NamedTuple):
    """At most `max_batch` images, and the rows of the answer that they fill."""

    images: Images
    answer: Probabilities


class Engine(AbstractContextManager["Engine"], ABC):
    """A model ready to read: uint8 [N, 28, 28] in, float32 [N, classes] out.

    `run` may be called from many threads at once; `close` waits for the calls that are running, and what is called
    afterwards is refused.
    """

    name: str
    precision: str
    """The precision it computes in, as far as the backend knows."""
    max_batch: int
    why = "it was asked for"
    """Why it is this engine and no other."""
    on_gpu = False
    _failures: tuple[type[Exception], ...] = (RuntimeError,)
    """What its library raises when a batch fails."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self._state = threading.Condition()
        self._running: set[object] = set()
        self._closed = False

    @abstractmethod
    def _infer(self, parts: Iterable[BatchSlice]) -> None:
        """Fill each part's answer. A backend may have several parts under way; all are done when it returns."""

    @abstractmethod
    def _release(self) -> None:
        """Give back what the backend holds; called once, when nothing runs any more."""

    def run(self, images: Images) -> Probabilities:
        _check(images)
        answer = np.empty((len(images), self.classes), np.float32)
        with self._in_use():
            if len(images):
                self._fill(np.ascontiguousarray(images), answer)
        return answer

    def _fill(self, images: Images, answer: Probabilities) -> None:
        try:
            self._infer(self._parts(images, answer))
        except self._failures as error:
            kind = GpuError if self.on_gpu else EngineError
            raise kind(f"The engine {self.name} failed in a batch: {first_line(error)}.") from error

    def _parts(self, images: Images, answer: Probabilities) -> Iterator[BatchSlice]:
        for start in range(0, len(images), self.max_batch):
            yield BatchSlice(images[start : start + self.max_batch], answer[start : start + self.max_batch])

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        # Not counted but named: where Ctrl-C comes between the lines, what was never added is discarded all the same.
        call = object()
        try:
            with self._state:
                if self._closed:
                    raise EngineError(f"The engine {self.name} is closed; open another.")
                self._running.add(call)
            yield
        finally:
            with self._state:
                self._running.discard(call)
                self._state.notify_all()

    def close(self) -> None:
        with self._state:
            if self._closed:
                return
            self._closed = True
            self._state.wait_for(lambda: not self._running)
        self._release()

    def __exit__(self, *_: object) -> None:
        self.close()


def _check(images: object) -> None:
    if not isinstance(images, np.ndarray):
        raise DataError(f"An engine takes an array of images, not {type(images).__name__}.")
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise DataError(
            f"An engine takes uint8 [N, {SIDE}, {SIDE}], not {images.dtype} {list(images.shape)}; "
            "Recognizer.read takes digits of any size and type."
        )
