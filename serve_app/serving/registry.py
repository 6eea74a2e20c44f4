"""The models served, each with its batcher; a new version is loaded beside the old one, then replaces it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pipelines.errors import EngineError, InkrayError, UnknownName, UsageError
from pipelines.images import to_model_input
from pipelines.inference.recognizer import Recognizer
from pipelines.inference.second_opinion import Asked
from pipelines.models.folder import BUILTIN, open_model
from pipelines.models.store import ModelStore, store_location
from serve_app.errors import NotFound
from serve_app.serving.batching import Batch, Batcher, BatchResult, Images
from serve_app.settings import Settings

log = logging.getLogger("ray.serve")

RETRY_S = 60.0
"""How long a version that failed to load is not retried: the store or the GPU's memory may recover meanwhile."""

UNTESTED = (
    "every field that %s reads on a form counts as ok at any confidence, since it was tested on no images, or on too "
    "few to find a threshold; requests can give accept_above"
)

OpenModel = Callable[[str], Recognizer]
OnBatch = Callable[[str, Recognizer, Batch], None]


@dataclass(frozen=True)
class LoadedVersion:
    """One version of a model, ready to read."""

    recognizer: Recognizer
    batcher: Batcher
    accept_above: float = 0.0
    """The confidence above which it was right in 99.9 % of its test images, if it was tested."""

    @property
    def reference(self) -> str:
        return self.recognizer.model

    @property
    def version(self) -> str:
        return self.reference.partition(":")[2]

    async def close(self) -> None:
        await self.batcher.close()
        await asyncio.to_thread(self.recognizer.close)


class ServedModel:
    """A model under the name it is requested by; the version that reads may change between two requests."""

    def __init__(self, name: str, requested: str, loaded: LoadedVersion) -> None:
        self.name, self.requested, self.loaded = name, requested, loaded
        self.switching = asyncio.Lock()
        self.failed: tuple[str, float] | None = None
        """The version that failed to load last, and when; the watch does not retry it for a while."""

    def should_load(self, reference: str) -> bool:
        """Whether the watch should load this version: it is another one, and did not fail just now."""
        failed_recently = self.failed and self.failed[0] == reference and time.monotonic() - self.failed[1] < RETRY_S
        return reference != self.loaded.reference and not failed_recently

    async def read(self, images: Images) -> tuple[BatchResult, LoadedVersion]:
        """The reading of the images, and the version that read them."""
        loaded = self.loaded
        return await loaded.batcher.read(images), loaded

    def check_version(self, version: str) -> None:
        if version != self.loaded.version:
            raise NotFound(f"{self.name} is served in version {self.loaded.version}, not {version}.")

    def describe(self, default: bool) -> dict[str, Any]:
        recognizer = self.loaded.recognizer
        return {
            "name": self.name,
            "version": self.loaded.version,
            "engine": engine_of(recognizer),
            "classes": recognizer.classes,
            "accept_above": self.loaded.accept_above or None,
            "default": default,
        }


def engine_of(recognizer: Recognizer) -> str:
    return f"{recognizer.engine.name} {recognizer.engine.precision}"


class ModelRegistry(Mapping[str, ServedModel]):
    def __init__(self, settings: Settings, on_batch: OnBatch, opener: OpenModel | None = None) -> None:
        self._settings, self._on_batch = settings, on_batch
        self._open = opener or self._recognizer
        self._served: dict[str, ServedModel] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def load_all(self) -> None:
        for requested in self._settings.models:
            name = requested.partition(":")[0]
            if name in self._served:
                raise UsageError(
                    f"INKRAY_SERVE_MODELS names {name} twice; a server can serve only one version of a model."
                )
            self._served[name] = ServedModel(name, requested, await self._load(requested))
            log.info("serving %s", self._served[name].loaded.recognizer)

    def __getitem__(self, name: str) -> ServedModel:
        if name not in self._served:
            raise UnknownName("model", name, self._served)
        return self._served[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._served)

    def __len__(self) -> int:
        return len(self._served)

    @property
    def default(self) -> ServedModel:
        return next(iter(self._served.values()))

    def describe(self) -> list[dict[str, Any]]:
        return [served.describe(served is self.default) for served in self._served.values()]

    async def reload(self, name: str) -> bool:
        """Switch to the version that the model's reference points to now; returns whether it was another one.

        The old version reads until the new one is loaded, and goes on if that fails.
        """
        served = self[name]
        async with served.switching:
            reference = await asyncio.to_thread(self._resolve, served.requested)
            if reference == served.loaded.reference:
                return False
            try:
                new = await self._load(reference)
            except Exception as error:
                served.failed = reference, time.monotonic()
                if isinstance(error, InkrayError):
                    raise
                raise EngineError(f"{reference} cannot be loaded: {type(error).__name__}: {error}") from error
            old, served.loaded = served.loaded, new
            served.failed = None
            log.info("%s: %s replaces %s", name, new.recognizer, old.reference)
            self._close_later(old.close())
            return True

    async def watch(self) -> None:
        """Check again and again whether a reference points to another version now, and switch to it."""
        while True:
            await asyncio.sleep(self._settings.watch_seconds)
            for served in list(self._served.values()):
                try:
                    reference = await asyncio.to_thread(self._resolve, served.requested)
                    if served.should_load(reference):
                        await self.reload(served.name)
                except Exception as error:  # noqa: BLE001 - whatever it is, the watch goes on
                    log.warning("%s stays at %s: %s", served.name, served.loaded.reference, error)

    async def close(self) -> None:
        await asyncio.gather(*self._closing, *(served.loaded.close() for served in self._served.values()))

    def _close_later(self, closing: Any) -> None:
        task = asyncio.ensure_future(closing)
        self._closing.add(task)  # a task without a reference may be collected before it is done
        task.add_done_callback(self._closing.discard)

    async def _load(self, reference: str) -> LoadedVersion:
        recognizer = await asyncio.to_thread(self._open, reference)

        def read(images: Images) -> BatchResult:
            inputs = to_model_input(images)
            return BatchResult(recognizer.read_prepared(inputs), inputs)

        def on_batch(batch: Batch) -> None:
            self._on_batch(recognizer.model.partition(":")[0], recognizer, batch)

        batcher = Batcher(read, self._settings.batch_rows, self._settings.queue_rows, on_batch)
        accept_above = await asyncio.to_thread(self._accept_above, recognizer)
        if not accept_above:
            log.warning(UNTESTED, recognizer.model)
        return LoadedVersion(recognizer, batcher, accept_above)

    def _accept_above(self, recognizer: Recognizer) -> float:
        if self._open != self._recognizer:
            return 0.0
        return open_model(recognizer.model, self._store()).accepted_above

    def _recognizer(self, reference: str) -> Recognizer:
        given = self._settings
        asked = cast(Asked, given.second_opinion)
        return Recognizer(reference, given.engine, given.precision, given.threads or None, given.store, asked)

    def _resolve(self, requested: str) -> str:
        if requested.partition(":")[0] == BUILTIN:
            return self._served[BUILTIN].loaded.reference
        return self._store().resolve(requested).reference

    def _store(self) -> ModelStore:
        return ModelStore(store_location(self._settings.store))
