"""Batches under way on a GPU at once: one is copied while another is computed."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

from pipelines.errors import GpuError, first_line
from pipelines.inference.engines.base import BatchSlice, Engine, Images, Probabilities

IN_FLIGHT = 2


class Lane(ABC):
    """What one batch under way needs for itself: a stream, and memory on both sides.

    What is asked of the GPU is done in that order, and only `wait` waits for it.
    """

    def __init__(self, host_in: Images, host_out: Probabilities) -> None:
        """Both in memory that the GPU copies from and to by itself."""
        self._host_in, self._host_out = host_in, host_out
        self._part: BatchSlice | None = None

    @abstractmethod
    def copy_in(self, count: int) -> None: ...

    @abstractmethod
    def compute(self, count: int) -> None: ...

    @abstractmethod
    def copy_out(self, count: int) -> None: ...

    @abstractmethod
    def wait(self) -> None: ...

    @abstractmethod
    def free(self) -> None: ...

    def start(self, part: BatchSlice) -> None:
        count = len(part.images)
        self._host_in[:count] = part.images
        self.copy_in(count)
        self.compute(count)
        self.copy_out(count)
        self._part = part

    def finish(self) -> None:
        self.wait()
        if self._part is not None:
            self._part.answer[:] = self._host_out[: len(self._part.images)]
            self._part = None


def drive(parts: Iterable[BatchSlice], lanes: Sequence[Lane]) -> None:
    """Start each part on an idle lane, or on the one that was started longest ago, when it is done."""
    idle, under_way = deque(lanes), deque[Lane]()
    for part in parts:
        if not idle:
            _finish(under_way, idle)
        idle[0].start(part)
        under_way.append(idle.popleft())
    while under_way:
        _finish(under_way, idle)


def _finish(under_way: deque[Lane], idle: deque[Lane]) -> None:
    lane = under_way.popleft()
    lane.finish()
    idle.append(lane)


class LanedEngine(Engine):
    """One call at a time has the lanes; the others wait, since the GPU would not be quicker for both."""

    on_gpu = True
    _lanes: Sequence[Lane]
    _failures: tuple[type[Exception], ...]
    """What the library raises when the GPU fails."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self._lock = threading.Lock()

    def _current(self) -> AbstractContextManager[None]:
        """What a thread must hold to use the GPU."""
        return nullcontext()

    def _infer(self, parts: Iterable[BatchSlice]) -> None:
        with self._lock, self._current():
            try:
                drive(parts, self._lanes)
            except self._failures as error:
                raise GpuError(f"The GPU failed in a batch: {first_line(error)}.") from error

    def compute(self, count: int) -> None:
        """Read as many images as lie on the GPU already, and leave the answer there: for measuring."""
        with self._in_use(), self._lock, self._current():
            self._lanes[0].compute(count)
            self._lanes[0].wait()
