"""The data plane: what the server does under every protocol, from the bytes of images to readings."""

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
from pipelines.images.plain_png import decode_plain_png
from pipelines.inference.line_recognizer import LineRecognizer
from serve_app.errors import InvalidRequest, NotReady, TooLarge, error_response
from serve_app.serving import answers
from serve_app.serving.batched_reader import BatchedReader
from serve_app.serving.batching import Batch, BatchResult, Images
from serve_app.serving.memory import release_unused_memory
from serve_app.serving.meters import Meters
from serve_app.serving.registry import UNTESTED, LoadedVersion, ModelRegistry, OpenModel, ServedModel
from serve_app.serving.templates import TemplateFolder
from serve_app.serving.thread_pool import ThreadPool
from serve_app.settings import Settings

log = logging.getLogger("ray.serve")

MAX_LONG_JOBS = 32
"""The most photos and documents that are in progress or queued; excess requests are answered with 503."""
STUCK_AFTER = 2.0
"""How many times a request's time limit a thread may work on one call before it counts as stuck."""
DECODERS = 2
"""Threads that decode images; more would take cores from the engine."""

Result = TypeVar("Result")


class Upload(NamedTuple):
    name: str | None
    content: bytes


@dataclass(frozen=True)
class ReadOptions:
    """Which model reads, and whether the answer includes the image that it saw."""

    model: str | None = None
    include_input: bool = False


@contextmanager
def cancel_event() -> Iterator[Event]:
    """An event that is set when the caller leaves: a thread cannot be stopped, but it can check before each page."""
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
        # One thread per call, since the threads of the page pool call it concurrently.
        self.lines = LineRecognizer(settings.lines, 1, settings.store)
        if not self.lines.accepted_above:
            log.warning(UNTESTED, self.lines.model)
        self.ready = False
        limits = Limits(pixels=settings.pixels, seconds=settings.document_seconds, memory_mib=settings.document_mib)
        self.documents = DocumentPool(DECODERS, limits)
        self._decoding = ThreadPool("images", DECODERS)
        self._pages = ThreadPool("photos and pages", DECODERS, MAX_LONG_JOBS)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await asyncio.gather(self.registry.load_all(), self.in_page_pool(self.documents.start))
        if self.settings.watch_seconds:
            self._tasks.append(asyncio.create_task(self.registry.watch()))
        self._tasks.append(asyncio.create_task(self.meters.report()))
        self.ready = True

    def check_ready(self) -> None:
        """Raise `NotReady` while requests cannot be answered."""
        if not self.ready:
            raise NotReady("The models are being loaded.")
        if stuck := self.stuck():
            raise NotReady(stuck)

    def stuck(self) -> str | None:
        """Why this process no longer answers some requests and must be replaced; None while it does."""
        for pool in (self._decoding, self._pages):
            if (seconds := pool.stuck_for()) > STUCK_AFTER * self.settings.seconds:
                return f"No {pool.name} are being read: every thread has been stuck for {seconds:.0f} s."
        return None

    async def stop(self) -> None:
        self.ready = False
        for task in self._tasks:
            task.cancel()
        await self.registry.close()
        self.documents.close()
        for pool in (self._decoding, self._pages):
            pool.close()

    def served(self, name: str | None) -> ServedModel:
        return self.registry[name] if name else self.registry.default

    async def digit(self, content: bytes, options: ReadOptions) -> bytes:
        """The fast path: one image of one digit."""
        served = self.served(options.model)
        served.loaded.batcher.check_capacity()
        image = decode_plain_png(content)
        if image is None or image.shape != (SIDE, SIDE):
            image = await self.in_decode_pool(self._prepared, content)
        read, loaded = await self._read_digits(served, image[None])
        items = answers.digit_items(read, loaded.recognizer, options.include_input)
        return answers.digits_body(loaded.recognizer, items)

    async def digits(self, uploads: Sequence[Upload], options: ReadOptions) -> bytes:
        """Many images, each with its item in order; that of a damaged image is an error."""
        self._check_rows(len(uploads))
        served = self.served(options.model)
        served.loaded.batcher.check_capacity(len(uploads))
        with cancel_event() as cancelled:
            prepared = await self.in_decode_pool(self._prepare_each, uploads, cancelled)
        images = [image for image in prepared if not isinstance(image, DataError)]
        stack = np.stack(images) if images else np.empty((0, SIDE, SIDE), np.uint8)
        read, loaded = await self._read_digits(served, stack)
        good = iter(answers.digit_items(read, loaded.recognizer, options.include_input))
        items = [
            {"error": error_response(image).entry()} if isinstance(image, DataError) else next(good)
            for image in prepared
        ]
        named = [
            item if upload.name is None else {"name": upload.name, **item}
            for item, upload in zip(items, uploads, strict=True)
        ]
        return answers.digits_body(loaded.recognizer, named)

    async def _read_digits(self, served: ServedModel, images: Images) -> tuple[BatchResult, LoadedVersion]:
        """Where the reading is doubtful, with a second opinion, which nobody waits for who shares the batch."""
        read, loaded = await served.read(images)
        recognizer = loaded.recognizer
        if not recognizer.is_sure(read.inputs, read.reading):
            read = read._replace(reading=await self.in_decode_pool(recognizer.second_look, read.inputs, read.reading))
        return read, loaded

    async def in_decode_pool(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await self._decoding.run(work, *arguments)

    async def in_page_pool(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Run blocking work on photos and pages, in threads of their own so that they never delay a digit."""
        return await self._pages.run(_then_release_memory, work, *arguments)

    def batched_reader(self, model: str | None) -> BatchedReader:
        return BatchedReader(self.served(model), self.settings.batch_rows)

    def decoded(self, content: bytes, where: str = "the image") -> NDArray[np.uint8]:
        return decode(content, where, self.settings.pixels)

    def _prepared(self, content: bytes, where: str = "the image") -> Images:
        return to_model_input([decode(content, where, self.settings.digit_pixels)])[0]

    def _prepare_each(self, uploads: Sequence[Upload], cancelled: Event) -> list[Images | DataError]:
        return [self._try(upload, number) for number, upload in enumerate(uploads) if not cancelled.is_set()]

    def _try(self, upload: Upload, number: int) -> Images | DataError:
        try:
            return self._prepared(upload.content, upload.name or f"image {number}")
        except DataError as error:
            return error

    def _check_rows(self, rows: int) -> None:
        if not rows:
            raise InvalidRequest("The request holds no image; send at least one.")
        if rows > self.settings.rows:
            most = self.settings.rows
            raise TooLarge(f"The request holds {rows} digits; send at most {most}, and the rest in another.")

    def _count(self, model: str, recognizer: object, batch: Batch) -> None:
        self.meters.batch(model, batch)


def _then_release_memory(work: Callable[..., Result], *arguments: object) -> Result:
    try:
        return work(*arguments)
    finally:
        release_unused_memory()
