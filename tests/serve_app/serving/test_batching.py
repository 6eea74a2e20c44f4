"""Batching: no request waits needlessly, and each gets the answer to its own images."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from pipelines.errors import EngineError
from pipelines.inference.recognizer import Reading
from serve_app.errors import NotReady, Overloaded
from serve_app.serving import batching
from serve_app.serving.batching import Batch, Batcher, BatchResult, Images


def numbered(*numbers: int) -> Images:
    """Images that can be told apart by their first pixel."""
    images = np.zeros((len(numbers), 28, 28), np.uint8)
    images[:, 0, 0] = numbers
    return images


def echo(images: Images) -> BatchResult:
    numbers = images[:, 0, 0]
    return BatchResult(
        Reading(numbers.astype(str), numbers.astype(np.float32), numbers[:, None].astype(np.float32)), images
    )


class Engine:
    """Echoes its images, records the sizes of its batches, and blocks while `free` is not set."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.free = threading.Event()
        self.free.set()
        self.started = threading.Event()

    def read(self, images: Images) -> BatchResult:
        self.started.set()
        self.free.wait()
        self.sizes.append(len(images))
        return echo(images)


def labels(read: BatchResult) -> list[str]:
    return read.reading.labels.tolist()


def run(test: Callable[[Batcher, Engine], Awaitable[None]], **options: int) -> Engine:
    engine = Engine()

    async def around() -> None:
        batcher = Batcher(engine.read, **options)
        await asyncio.wait_for(test(batcher, engine), 20)
        engine.free.set()
        await batcher.close()

    asyncio.run(around())
    return engine


async def held(batcher: Batcher, engine: Engine) -> asyncio.Task[BatchResult]:
    """A request that the engine has begun and does not finish."""
    engine.free.clear()
    first = asyncio.create_task(batcher.read(numbered(99)))
    await asyncio.to_thread(engine.started.wait)
    return first


def test_an_idle_engine_starts_at_once() -> None:
    async def test(batcher: Batcher, engine: Engine) -> None:
        assert labels(await batcher.read(numbered(5))) == ["5"]

    assert run(test).sizes == [1]


@pytest.mark.parametrize(("instant", "then"), [(60.0, "MainThread"), (0.0, "engine")])
def test_a_single_image_is_read_on_the_event_loop_if_that_is_fast(
    instant: float, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "MAX_INLINE_S", instant)
    threads: list[str] = []

    def read(images: Images) -> BatchResult:
        threads.append(threading.current_thread().name)
        return echo(images)

    async def ask() -> None:
        batcher = Batcher(read)
        for numbers in ([1], [2], [3], [4, 5]):
            assert labels(await batcher.read(numbered(*numbers))) == [str(number) for number in numbers]
        await asyncio.gather(batcher.read(numbered(6)), batcher.read(numbered(7)))
        await batcher.close()

    asyncio.run(ask())
    assert threads == ["engine", then, then, "engine", "engine"]


def test_what_came_while_the_engine_worked_goes_together_and_comes_back_apart() -> None:
    async def test(batcher: Batcher, engine: Engine) -> None:
        first = await held(batcher, engine)
        others = [asyncio.create_task(batcher.read(numbered(at, at + 1))) for at in range(0, 20, 2)]
        await asyncio.sleep(0)
        engine.free.set()
        assert [labels(read) for read in await asyncio.gather(*others)] == [
            [str(at), str(at + 1)] for at in range(0, 20, 2)
        ]
        assert labels(await first) == ["99"]

    assert run(test).sizes == [1, 20]


def test_a_request_above_the_limit_is_split_and_joined() -> None:
    async def test(batcher: Batcher, engine: Engine) -> None:
        numbers = list(range(21))
        read = await batcher.read(numbered(*numbers))
        assert labels(read) == [str(number) for number in numbers]
        assert read.inputs[:, 0, 0].tolist() == numbers

    engine = run(test, max_rows=8)
    assert sum(engine.sizes) == 21 and max(engine.sizes) <= 8


def test_a_batch_is_counted_in_rows_not_in_requests() -> None:
    async def test(batcher: Batcher, engine: Engine) -> None:
        first = await held(batcher, engine)
        others = [asyncio.create_task(batcher.read(numbered(1, 2, 3))) for _ in range(4)]
        await asyncio.sleep(0)
        engine.free.set()
        await asyncio.gather(first, *others)

    assert run(test, max_rows=8).sizes == [1, 6, 6]


def test_a_cancelled_request_is_not_read_and_takes_no_space_in_the_queue() -> None:
    async def test(batcher: Batcher, engine: Engine) -> None:
        first = await held(batcher, engine)
        cancelled, stays = (asyncio.create_task(batcher.read(numbered(at))) for at in (1, 2))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.sleep(0)
        engine.free.set()
        assert labels(await stays) == ["2"]
        await first
        # The whole queue is free again.
        batcher.check_capacity(2)

    assert run(test, queue_rows=2).sizes == [1, 1]


def test_requests_above_the_queue_limit_are_rejected_at_once_and_the_others_served() -> None:
    async def test(batcher: Batcher, engine: Engine) -> None:
        first = await held(batcher, engine)
        waiting = [asyncio.create_task(batcher.read(numbered(at))) for at in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await batcher.read(numbered(7))
        engine.free.set()
        await asyncio.gather(first, *waiting)
        assert labels(await batcher.read(numbered(7))) == ["7"]

    run(test, queue_rows=4)


def test_when_the_engine_fails_every_request_of_the_batch_fails_and_the_next_is_read() -> None:
    async def around() -> None:
        def read(images: Images) -> BatchResult:
            if images[0, 0, 0] == 66:
                raise EngineError("no")
            return echo(images)

        batcher = Batcher(read)
        with pytest.raises(EngineError):
            await batcher.read(numbered(66))
        assert labels(await batcher.read(numbered(1))) == ["1"]
        await batcher.close()

    asyncio.run(around())


def test_closing_answers_what_is_queued_and_accepts_nothing_new() -> None:
    async def around() -> None:
        engine = Engine()
        batcher = Batcher(engine.read)
        first = await held(batcher, engine)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(NotReady):
            await batcher.read(numbered(1))
        engine.free.set()
        await closing
        assert labels(await first) == ["99"]

    asyncio.run(around())


def test_every_batch_is_reported_with_its_size() -> None:
    async def around() -> list[Batch]:
        batches: list[Batch] = []
        batcher = Batcher(echo, max_rows=4, on_batch=batches.append)
        await batcher.read(numbered(1, 2, 3, 4, 5))
        await batcher.close()
        return batches

    batches = asyncio.run(around())
    assert [batch.rows for batch in batches] == [4, 1]
    assert all(batch.engine_s >= 0 and batch.waited_s >= 0 for batch in batches)
