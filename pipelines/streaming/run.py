"""A stream from what was asked for to its end: Ray, readers, the right to lead, and the loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event

from pipelines.labeling.readers import Readers
from pipelines.ray_runtime.session import RayNeeds, ray_session
from pipelines.streaming.driver import Pace, StreamDriver, StreamListener, wait_to_lead
from pipelines.streaming.isolation import ItemByItem
from pipelines.streaming.pool import ReaderPool, ReadingSpec, StreamReader
from pipelines.streaming.sink import StreamSink
from pipelines.streaming.source import StreamSource
from pipelines.streaming.work import Work


@dataclass(frozen=True, kw_only=True)
class StreamRequest:
    """What is to be read for ever, by whom, and where the rows go."""

    work: Work
    source: Callable[[], StreamSource]
    sink: Callable[[], StreamSink]
    readers: Readers
    deadline: float
    """Seconds after which a batch is given up, and its items are tried one by one."""
    pace: Pace


def read_stream(request: StreamRequest, listener: StreamListener) -> None:
    """Read until the process is told to end, or until nothing more comes, if that was asked for."""
    preload = [StreamReader.__module__, type(request.work).__module__]
    # No longer than it needs to be let go, since nothing is read until it is started again.
    leaving_s = request.pace.drain_seconds + 1
    needs = RayNeeds(runtime_envs=False, preload=preload, leaving_s=leaving_s)
    with ray_session(needs), ExitStack() as ending:
        spec = _spec(request, listener)
        pool = ReaderPool(spec, listener.line)
        ending.callback(pool.close)
        # Before it leads: another driver that waits takes over at once.
        pool.adjust(backlog=False)
        stop = Event()
        thread = ending.enter_context(ThreadPoolExecutor(1, "stream"))
        _until_told(thread.submit(_lead, request, spec, pool, listener, stop), stop)


def _lead(request: StreamRequest, spec: ReadingSpec, pool: ReaderPool, listener: StreamListener, stop: Event) -> None:
    with ExitStack() as ending:
        sink = request.sink()
        ending.callback(sink.close)
        source = request.source()
        ending.callback(source.close)
        if wait_to_lead(sink, source, stop, listener.line):
            listener.line(f"reading {source.shown} into {sink.shown}")
            StreamDriver(source, sink, pool, ItemByItem(spec), request.pace, listener).run(stop)


def _until_told(running: Future[None], stop: Event) -> None:
    """Wait in this thread, which alone is interrupted: the loop must not be in the middle of a step."""
    try:
        running.result()
    except KeyboardInterrupt:
        stop.set()
        running.result()
        raise


def _spec(request: StreamRequest, listener: StreamListener) -> ReadingSpec:
    readers = request.readers
    capacity = readers.capacity(request.work.needs)
    listener.line(f"{capacity}, model {readers.model.reference}")
    for remark in readers.remarks(capacity):
        listener.line(remark)
    return ReadingSpec(request.work, readers.config(capacity), capacity, request.deadline)
