"""Batches in which a process died, read once more item by item: the one that ends its process becomes an error row."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import pyarrow as pa
import ray

from pipelines.errors import InkrayError
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.gpus import lost
from pipelines.ray_runtime.failures import cause_chain
from pipelines.streaming.pool import MicroBatch, ReadingSpec, as_inkray_error, start_reader
from pipelines.streaming.work import BatchRead, lost_item

TRIES = 2
"""A process that dies twice of the same item does so because of it, and was not killed by somebody else."""


class ItemByItem:
    """One reader, for one item at a time. As with the pool, nothing waits."""

    def __init__(self, spec: ReadingSpec) -> None:
        self._spec = spec
        self._actor: Any = None
        self._starting: Any = None
        self._batch: MicroBatch | None = None
        self._left: deque[int] = deque()
        self._read: list[BatchRead] = []
        self._item: Any = None
        self._since = 0.0
        self._tries = 0

    @property
    def readers(self) -> int:
        return int(self._actor is not None)

    @property
    def busy(self) -> bool:
        return self._batch is not None

    def begin(self, batch: MicroBatch) -> None:
        self._batch, self._read, self._tries = batch, [], 0
        self._left = deque(range(len(batch.arrivals)))

    def step(self, for_s: float) -> MicroBatch | None:
        """Go on for so long; the batch when it is read."""
        until = time.monotonic() + for_s
        while self._batch is not None and (left := until - time.monotonic()) > 0:
            if not self._left:
                return self._finished()
            if not self._is_ready(left):
                return None
            if self._item is None:
                one = self._batch.arrivals[self._left[0]]
                self._item, self._since = self._actor.read.remote([one]), time.monotonic()
            self._look(left)
        return None

    def close(self) -> None:
        if self._actor is not None:
            ray.kill(self._actor)
        self._actor = self._starting = self._item = None

    def _finished(self) -> MicroBatch:
        batch, self._batch = self._batch, None
        assert batch is not None
        rows = pa.concat_tables(one.rows for one in self._read)
        batch.read = BatchRead(rows, [failed for one in self._read for failed in one.failed])
        return batch

    def _is_ready(self, timeout_s: float) -> bool:
        if self._actor is None:
            # Beside the pool there may be no whole CPU left, and it would wait for ever.
            self._actor = start_reader(self._spec, 0)
            self._starting = self._actor.__ray_ready__.remote()
        if self._starting is None:
            return True
        if not ray.wait([self._starting], timeout=timeout_s)[0]:
            return False
        try:
            ray.get(self._starting)
        except Exception as error:
            if not lost(error):
                raise as_inkray_error(error) from error
            self._actor = None
        self._starting = None
        return self._actor is not None

    def _look(self, timeout_s: float) -> None:
        if not ray.wait([self._item], timeout=timeout_s)[0]:
            if time.monotonic() - self._since > self._spec.deadline:
                self.close()
                self._failed(Reason(ReasonCode.TIMEOUT, f"reading it took longer than {self._spec.deadline:g} s"))
            return
        item, self._item = self._item, None
        try:
            self._done(ray.get(item))
        except Exception as error:
            if lost(error):
                self._actor = None
                self._failed(Reason(ReasonCode.PROCESS_DIED, "the process that read it died each time"))
            elif any(isinstance(one, InkrayError) for one in cause_chain(error)):
                raise as_inkray_error(error) from error
            else:
                said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
                self._failed(Reason(ReasonCode.UNEXPECTED_FAILURE, f"reading it failed: {said}"))

    def _failed(self, reason: Reason) -> None:
        self._tries += 1
        if self._tries >= TRIES:
            assert self._batch is not None
            item = self._batch.arrivals[self._left[0]]
            self._done(lost_item(self._spec.work, item, reason, self._spec.reader.model))

    def _done(self, read: BatchRead) -> None:
        self._left.popleft()
        self._tries = 0
        self._read.append(read)
