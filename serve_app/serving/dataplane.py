"""What the server can do, whatever the protocol: bytes of pictures in, readings out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines.documents.limits import Limits
from pipelines.documents.pool import DocumentPool
from pipelines.errors import DataError
from pipelines.images import SIDE, decode, to_model_input
from pipelines.images.quick_png import quick_png
from pipelines.inference.line_recognizer import LineRecognizer
from serve_app.errors import InvalidRequest, NotReady, TooLarge, error_response
from serve_app.serving import answers
from serve_app.serving.batched_reader import BatchedReader
from serve_app.serving.batching import Batch, Images
from serve_app.serving.meters import Meters
from serve_app.serving.registry import UNTESTED, ModelRegistry, OpenModel, ServedModel
from serve_app.serving.templates import TemplateFolder
from serve_app.serving.thread_pool import ThreadPool
from serve_app.settings import Settings

log = logging.getLogger("ray.serve")

MAX_LONG_JOBS = 32
"""Photos and pages that are worked on or wait; what comes above is answered with 503."""
STUCK_AFTER = 2.0
"""Times the seconds that a request may take: a thread that is at it for longer works for nobody, and will not end."""
DECODERS = 2
"""Threads that open pictures: they must not take the cores from the engine."""

Result = TypeVar("Result")


class Upload(NamedTuple):
    name: str | None
    content: bytes


@dataclass(frozen=True)
class ReadOptions:
    """With which model, and whether to show what it saw."""

    model: str | None = None
    include_input: bool = False


@contextmanager
def cancel_event() -> Iterator[Event]:
    """Set once nobody waits any more: a thread cannot be stopped, but it can look before it takes the next page."""
    cancelled = Event()
    try:
        yield cancelled
    finally:
        cancelled.set()


class DataPlane:
    def __init__(self, settings: Settings, meters: Meters | None = None, opener: OpenModel | None = None) -> None:
        self.settings = settings
        self.meters = meters or Meters()
        self.registry = ModelRegistry(settings, self._count, opener)
        self.templates = TemplateFolder(settings.template_folder)
        # One thread a call: the threads of the long pool call it side by side.
        self.lines = LineRecognizer(settings.lines, 1, settings.store)
        if not self.lines.accepted_above:
            log.warning(UNTESTED, self.lines.model)
        self.ready = False
        limits = Limits(pixels=settings.pixels, seconds=settings.document_seconds, memory_mib=settings.document_mib)
        self.documents = DocumentPool(DECODERS, limits)
        self._decoding = ThreadPool("pictures", DECODERS)
        self._paging = ThreadPool("photos and pages", DECODERS, MAX_LONG_JOBS)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await asyncio.gather(self.registry.load_all(), self.in_long_pool(self.documents.start))
        if self.settings.watch_seconds:
            self._tasks.append(asyncio.create_task(self.registry.watch()))
        self._tasks.append(asyncio.create_task(self.meters.report()))
        self.ready = True

    def check_ready(self) -> None:
        """Raises `NotReady` while requests would not be answered."""
        if not self.ready:
            raise NotReady("The models are being loaded.")
        if stuck := self.stuck():
            raise NotReady(stuck)

    def stuck(self) -> str | None:
        """What is not answered any more, and would not be until this process is replaced."""
        for pool in (self._decoding, self._paging):
            if (seconds := pool.stuck_for()) > STUCK_AFTER * self.settings.seconds:
                return f"No {pool.name} are read: every thread has been at the same one for {seconds:.0f} s."
        return None

    async def stop(self) -> None:
        self.ready = False
        for task in self._tasks:
            task.cancel()
        await self.registry.close()
        self.documents.close()
        for pool in (self._decoding, self._paging):
            pool.close()

    def served(self, name: str | None) -> ServedModel:
        return self.registry[name] if name else self.registry.default

    async def digit(self, content: bytes, options: ReadOptions) -> bytes:
        """One picture of one digit: the way that must be short."""
        served = self.served(options.model)
        served.loaded.batcher.check_capacity()
        image = quick_png(content)
        if image is None or image.shape != (SIDE, SIDE):
            image = await self.in_pool(self._prepared, content)
        read, loaded = await served.read(image[None])
        items = answers.digit_items(read, loaded.recognizer, options.include_input)
        return answers.digits_body(loaded.recognizer, items)

    async def digits(self, pictures: Sequence[Upload], options: ReadOptions) -> bytes:
        """Many pictures; each has its entry, in order, a damaged one with the reason."""
        self._check_rows(len(pictures))
        served = self.served(options.model)
        served.loaded.batcher.check_capacity(len(pictures))
        with cancel_event() as cancelled:
            prepared = await self.in_pool(self._prepare_each, pictures, cancelled)
        images = [image for image in prepared if not isinstance(image, DataError)]
        read, loaded = await served.read(np.stack(images) if images else np.empty((0, SIDE, SIDE), np.uint8))
        good = iter(answers.digit_items(read, loaded.recognizer, options.include_input))
        items = [
            answers.error_item(error_response(image)) if isinstance(image, DataError) else next(good)
            for image in prepared
        ]
        named = [answers.named(item, picture.name) for item, picture in zip(items, pictures, strict=True)]
        return answers.digits_body(loaded.recognizer, named)

    async def in_pool(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await self._decoding.run(work, *arguments)

    async def in_long_pool(self, work: Callable[..., Result], *arguments: object) -> Result:
        """For whole photos and pages, so that they never hold up a digit."""
        return await self._paging.run(work, *arguments)

    def batched_reader(self, model: str | None) -> BatchedReader:
        return BatchedReader(self.served(model), self.settings.batch_rows)

    def decoded(self, content: bytes, where: str = "the picture") -> NDArray[np.uint8]:
        return decode(content, where, self.settings.pixels)

    def _prepared(self, content: bytes, where: str = "the picture") -> Images:
        return to_model_input([decode(content, where, self.settings.digit_pixels)])[0]

    def _prepare_each(self, pictures: Sequence[Upload], cancelled: Event) -> list[Images | DataError]:
        return [self._try(picture, number) for number, picture in enumerate(pictures) if not cancelled.is_set()]

    def _try(self, picture: Upload, number: int) -> Images | DataError:
        try:
            return self._prepared(picture.content, picture.name or f"picture {number}")
        except DataError as error:
            return error

    def _check_rows(self, rows: int) -> None:
        if not rows:
            raise InvalidRequest("The request holds no picture; send at least one.")
        if rows > self.settings.rows:
            most = self.settings.rows
            raise TooLarge(f"The request holds {rows} digits; send {most} at most, and the rest in another.")

    def _count(self, model: str, recognizer: object, batch: Batch) -> None:
        self.meters.batch(model, batch)
