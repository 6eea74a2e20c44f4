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
from pipelines.inference.line_engines import beside
from pipelines.inference.line_recognizer import LineRecognizer, open_line_model
from pipelines.inference.second_opinion import Asked, SecondOpinion, is_asked
from pipelines.models.folder import open_model
from pipelines.models.store import ModelStore
from pipelines.models.version import BUILTIN_LINES


@dataclass(frozen=True)
class Reading:
    labels: NDArray[np.str_]
    confidences: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    """[N, classes], in the order of `Recognizer.classes`."""
    seconded: NDArray[np.bool_] | None = None
    """Where a second opinion decided; None where none was to be had."""


class Recognizer(AbstractContextManager["Recognizer"]):
    """Reads digits of any size on any paper. The model is loaded and warmed up once, by the constructor."""

    second_model: str | None = None
    """The model of lines that is asked for a second opinion, if any is."""
    _second: SecondOpinion | None = None

    def __init__(
        self,
        model: str | Path,
        engine: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        store: str | Path | None = None,
        second_opinion: Asked = "auto",
    ) -> None:
        started = time.perf_counter()
        folder = open_model(model, ModelStore(store) if store else None)
        if folder.reads_lines:
            raise UsageError(f"{folder.reference} reads whole lines, not single digits; open it with LineRecognizer.")
        self.model, self.digest, self.classes = folder.reference, folder.digest, folder.classes
        self.accepted_above = folder.accepted_above
        if is_asked(second_opinion, folder):
            self.second_model = open_line_model(BUILTIN_LINES).reference
            self._second = SecondOpinion(
                self.classes, lambda: LineRecognizer(BUILTIN_LINES, threads, engine=beside(engine))
            )
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
        prepared = to_model_input(images)
        return self.second_look(prepared, self.read_prepared(prepared))

    def read_prepared(self, images: NDArray[np.uint8]) -> Reading:
        """Images that went through `to_model_input` already, perhaps in another process; by this model alone."""
        return self._reading(self._engine.run(images))

    def is_sure(self, images: NDArray[np.uint8], reading: Reading) -> bool:
        """Whether a second look would change nothing, and takes no time."""
        return self._second is None or not self._second.doubted(images, reading.probabilities)

    def second_look(self, images: NDArray[np.uint8], reading: Reading) -> Reading:
        """The reading of prepared images, where it is doubtful together with the second opinion."""
        if self._second is None:
            return reading
        probabilities, seconded = self._second.on(images, reading.probabilities)
        return self._reading(probabilities, seconded) if seconded.any() else reading

    def _reading(self, probabilities: NDArray[np.float32], seconded: NDArray[np.bool_] | None = None) -> Reading:
        best = probabilities.argmax(1)
        confidences = probabilities[np.arange(len(best)), best]
        return Reading(self._names[best], confidences, probabilities, seconded)

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """For Ray Data: the column `image` becomes `label` and `confidence`; the others pass."""
        reading = self.read(batch["image"])
        rest = {name: values for name, values in batch.items() if name != "image"}
        return {**rest, "label": reading.labels, "confidence": reading.confidences}

    def close(self) -> None:
        self._engine.close()

    def __exit__(self, *_: object) -> None:
        self.close()
