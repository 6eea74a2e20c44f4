"""The actors that read: as many as there is work and room for, each with a Recognizer, as in bulk.

Nothing here waits: the driver asks again and again what is done.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import ray

from pipelines.errors import InkrayError
from pipelines.labeling.capacity import Capacity
from pipelines.labeling.gpus import ending_with_the_gpu, lost
from pipelines.labeling.workload import ReaderConfig
from pipelines.ray_runtime.failures import RESTARTS, cause_chain
from pipelines.ray_runtime.gpus import hide_gpus
from pipelines.ray_runtime.last_words import last_words
from pipelines.ray_runtime.nodes import free_nodes
from pipelines.streaming.source import Arrival
from pipelines.streaming.work import BatchRead, Work, read_batch

AT_ONCE = 2
"""Batches of an actor at a time: one is decoded while the engine works on the other."""
GROW_S, SHRINK_S = 2.0, 60.0
"""Seconds of more work than the actors do until there is one more, and of none until there is one less."""


@dataclass(frozen=True)
class ReadingSpec:
    """What every actor receives."""

    work: Work
    reader: ReaderConfig
    capacity: Capacity
    deadline: float
    """Seconds after which an actor that has not read a batch is ended."""


class StreamReader:
    def __init__(self, spec: ReadingSpec) -> None:
        if not spec.capacity.gpus:
            hide_gpus()
        # There are as many actors as cores; more threads would only wait for each other.
        cv2.setNumThreads(1)
        self._reader = spec.work.reader(spec.reader)

    def read(self, arrivals: Sequence[Arrival]) -> BatchRead:
        with ending_with_the_gpu():
            return read_batch(self._reader, arrivals)


def start_reader(spec: ReadingSpec, cpus: float) -> Any:
    # An actor that dies is replaced by another and never restarted: what it was at must be looked at first.
    options: dict[str, Any] = {
        "num_cpus": cpus,
        "num_gpus": spec.capacity.gpus,
        "max_restarts": 0,
        "max_concurrency": AT_ONCE,
    }
    return ray.remote(StreamReader).options(**options).remote(spec)


@dataclass
class MicroBatch:
    """Items that are read together, and in the end their rows."""

    arrivals: list[Arrival]
    read: BatchRead | None = None
    keys: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.keys = frozenset(one.key for one in self.arrivals)


@dataclass
class _At:
    batch: MicroBatch
    actor: Any
    since: float


class ReaderPool:
    def __init__(self, spec: ReadingSpec, say: Callable[[str], None]) -> None:
        self._spec, self._say = spec, say
        self._starting: dict[Any, Any] = {}
        """The actors that are not ready yet, by what tells that they are."""
        self._ready: dict[Any, int] = {}
        """The batches that each actor is at."""
        self._at: dict[Any, _At] = {}
        self._idle_since: dict[Any, float] = {}
        self._busy_since: float | None = None
        self._deaths = 0
        self.suspects: deque[MicroBatch] = deque()
        """Batches in which a process died or failed."""

    @property
    def size(self) -> int:
        return len(self._ready)

    @property
    def under_way(self) -> int:
        return len(self._at)

    @property
    def room(self) -> int:
        """How many more batches there are actors for."""
        return AT_ONCE * len(self._ready) - len(self._at)

    def submit(self, batch: MicroBatch) -> None:
        actor = min(self._ready, key=self._ready.__getitem__)
        self._ready[actor] += 1
        self._at[actor.read.remote(batch.arrivals)] = _At(batch, actor, time.monotonic())

    def collect(self, timeout_s: float) -> list[MicroBatch]:
        """The batches that were read since."""
        waited = [*self._at, *self._starting]
        if not waited:
            return []
        some, _ = ray.wait(waited, num_returns=1, timeout=timeout_s)
        if some:
            some, _ = ray.wait(waited, num_returns=len(waited), timeout=0)
        done = [batch for ref in some if (batch := self._of(ref))]
        self._end_overdue()
        return done

    def adjust(self, backlog: bool, beside: int = 0) -> None:
        """Start and end actors as there is work; those that died are replaced. `beside` more have a share of a GPU."""
        now = time.monotonic()
        capacity, there = self._spec.capacity, len(self._ready) + len(self._starting)
        there += beside if capacity.gpus else 0
        self._busy_since = (self._busy_since or now) if backlog and not self.room else None
        wanted = self._busy_since is not None and now - self._busy_since > GROW_S
        if there < capacity.min_actors or (wanted and not self._starting and self._may_grow(there)):
            self._busy_since = None
            actor = start_reader(self._spec, self._spec.capacity.cpus)
            self._starting[actor.__ray_ready__.remote()] = actor
        for actor, batches in list(self._ready.items()):
            if batches:
                self._idle_since.pop(actor, None)
            elif now - self._idle_since.setdefault(actor, now) > SHRINK_S and len(self._ready) > capacity.min_actors:
                self._forget(actor)
                ray.kill(actor)

    def close(self) -> None:
        for actor in [*self._ready, *self._starting.values()]:
            ray.kill(actor)

    def _may_grow(self, there: int) -> bool:
        most = self._spec.capacity.limit or self._spec.capacity.max_actors
        return there < max(most, self._spec.capacity.max_actors) and bool(
            self._spec.capacity.most_actors(0, free_nodes())
        )

    def _of(self, ref: Any) -> MicroBatch | None:
        if ref in self._starting:
            self._begun(ref, self._starting.pop(ref))
            return None
        at = self._at.pop(ref)
        if at.actor in self._ready:
            self._ready[at.actor] -= 1
        try:
            at.batch.read = ray.get(ref)
        except Exception as error:  # noqa: BLE001 - Ray has errors of many kinds, and `_failed` raises what is ours
            self._failed(error, at)
            return None
        self._deaths = 0
        return at.batch

    def _begun(self, ref: Any, actor: Any) -> None:
        try:
            ray.get(ref)
            self._ready[actor] = 0
        except Exception as error:
            self._deaths += 1
            if not lost(error) or self._deaths > RESTARTS:
                raise as_inkray_error(error) from error

    def _failed(self, error: Exception, at: _At) -> None:
        if lost(error):
            if at.actor in self._ready:
                self._forget(at.actor)
                why = (last_words() or "crashed, killed, or out of memory").rstrip(".")
                self._say(f"a reader died ({why}); what it was at is read again, item by item")
        elif any(isinstance(one, InkrayError) for one in cause_chain(error)):
            raise as_inkray_error(error) from error
        self.suspects.append(at.batch)

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for actor in {at.actor for at in self._at.values() if now - at.since > self._spec.deadline}:
            if actor in self._ready:
                self._say(f"a reader took longer than {self._spec.deadline:g} s and was ended")
                self._forget(actor)
                ray.kill(actor)

    def _forget(self, actor: Any) -> None:
        self._ready.pop(actor, None)
        self._idle_since.pop(actor, None)


def as_inkray_error(error: BaseException) -> InkrayError:
    """The cause in one sentence; Ray reports a stack trace with the cause somewhere inside."""
    for one in cause_chain(error):
        if isinstance(one, InkrayError):
            return one
    last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return InkrayError(f"Reading failed: {last.rstrip('.')}. Start the same stream again to go on.")
