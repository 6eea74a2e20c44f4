"""A stream from what was asked for to its end: Ray, readers, the right to lead, and the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event

from pipelines.labeling.capacity import check_room, plan_capacity
from pipelines.labeling.run import untested
from pipelines.labeling.workload import ReaderConfig
from pipelines.models.folder import ModelFolder
from pipelines.models.store import store_location
from pipelines.ray_runtime.nodes import free_nodes
from pipelines.ray_runtime.session import RayNeeds, ray_session
from pipelines.streaming.driver import Pace, StreamDriver, StreamListener, wait_to_lead
from pipelines.streaming.isolation import ItemByItem
from pipelines.streaming.pool import ReaderPool, ReadingSpec, StreamReader
from pipelines.streaming.sink import StreamSink
from pipelines.streaming.source import StreamSource
from pipelines.streaming.work import Work


@dataclass(frozen=True, kw_only=True)
class StreamRequest:
    """What is to be read for ever, with which models, and where the rows go."""

    work: Work
    source: Callable[[], StreamSource]
    sink: Callable[[], StreamSink]
    models: Sequence[ModelFolder]
    """The models that read, that of single digits first."""
    engine: str
    precision: str
    accept_above: float | None
    threads: int | None
    gpus_per_actor: float | None
    min_actors: int | None
    max_actors: int | None
    deadline: float
    store: str | None
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
    model, nodes = request.models[0], free_nodes()
    capacity = plan_capacity(
        nodes,
        request.threads,
        request.gpus_per_actor,
        request.min_actors,
        request.max_actors,
        request.work.needs,
        request.engine,
    )
    check_room(capacity, nodes)
    listener.line(f"{capacity}, model {model.reference}")
    for remark in (capacity.remark, *(untested(request.accept_above, one) for one in request.models)):
        if remark:
            listener.line(remark)
    reader = ReaderConfig(
        model.reference,
        model.digest,
        store_location(request.store),
        request.engine,
        request.precision,
        capacity.threads,
        model.accepted_above if request.accept_above is None else request.accept_above,
    )
    return ReadingSpec(request.work, reader, capacity, request.deadline)
