"""The reader that everybody holds: a Ray Data actor, a Serve replica, a notebook. It knows nothing of Ray."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import UsageError
from pipelines.images import SIDE, to_model_input
from pipelines.inference.engines import Engine, open_engine
from pipelines.models.folder import open_model
from pipelines.models.store import ModelStore


@dataclass(frozen=True)
class Reading:
    labels: NDArray[np.str_]
    confidences: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    """[N, classes], in the order of `Recognizer.classes`."""


class Recognizer(AbstractContextManager["Recognizer"]):
    """Reads digits of any size on any paper. The model is loaded and warmed up once, by the constructor."""

    def __init__(
        self,
        model: str | Path,
        engine: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        store: str | Path | None = None,
    ) -> None:
        started = time.perf_counter()
        folder = open_model(model, ModelStore(store) if store else None)
        if folder.reads_lines:
            raise UsageError(f"{folder.reference} reads whole lines, not single digits; open it with LineRecognizer.")
        self.model, self.digest, self.classes = folder.reference, folder.digest, folder.classes
        self.accepted_above = folder.accepted_above
        self._names = np.array(self.classes)
        self._engine = open_engine(engine, folder, precision, threads)
        self._warm_up()
        self.load_seconds = time.perf_counter() - started

    def _warm_up(self) -> None:
        try:
            for batch in (1, self._engine.max_batch):
                self._engine.run(np.zeros((batch, SIDE, SIDE), np.uint8))
        except BaseException:
            self.close()  # or its memory would stay taken, and nobody could free it
            raise

    @property
    def engine(self) -> Engine:
        return self._engine

    def __str__(self) -> str:
        engine = self._engine
        return (
            f"{self.model} on {engine.name} in {engine.precision}, since {engine.why}; "
            f"loaded in {self.load_seconds:.2f} s"
        )

    def read(self, images: NDArray[Any] | Sequence[NDArray[Any]]) -> Reading:
        """Images [N, H, W], [N, H, W, 3] or a list of such of any sizes, one digit in each."""
        return self.read_prepared(to_model_input(images))

    def read_prepared(self, images: NDArray[np.uint8]) -> Reading:
        """Images that went through `to_model_input` already, perhaps in another process."""
        probabilities = self._engine.run(images)
        best = probabilities.argmax(1)
        confidences = probabilities[np.arange(len(best)), best]
        return Reading(self._names[best], confidences, probabilities)

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """For Ray Data: the column `image` becomes `label` and `confidence`; the others pass."""
        reading = self.read(batch["image"])
        rest = {name: values for name, values in batch.items() if name != "image"}
        return {**rest, "label": reading.labels, "confidence": reading.confidences}

    def close(self) -> None:
        self._engine.close()

    def __exit__(self, *_: object) -> None:
        self.close()
