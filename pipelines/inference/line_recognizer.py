"""Reads lines of digits, [HEIGHT, W] each: a whole number at a time. It knows nothing of Ray."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import UsageError
from pipelines.inference.engines.threads import available_threads
from pipelines.inference.line_engines import open_line_engine
from pipelines.models.folder import ModelFolder, open_model
from pipelines.models.store import ModelStore
from pipelines.models.version import BUILTIN_LINES
from pipelines.strings.ctc import Frames
from pipelines.strings.line import HEIGHT

Picture = NDArray[np.uint8]
Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Lines of one width, [N, HEIGHT, W], to what their frames say."""

STEP = 32
"""Lines are made longer to a multiple of this, so that those of about one length are read together."""


class LineRecognizer:
    """Reads lines, on a GPU if there is one; may be called from many threads at once."""

    def __init__(
        self,
        model: str | Path = BUILTIN_LINES,
        threads: int | None = None,
        store: str | Path | None = None,
        engine: str = "auto",
    ) -> None:
        folder = open_line_model(model, ModelStore(store) if store else None)
        self.model, self.digest = folder.reference, folder.digest
        self.accepted_above = folder.accepted_above
        self._engine = open_line_engine(engine, folder, threads or available_threads())
        self.name, self.precision = self._engine.name, self._engine.precision

    def __call__(self, pictures: Sequence[Picture]) -> list[Frames]:
        return frames_of(pictures, self._engine.read, self._engine.together)


def open_line_model(model: str | Path, store: ModelStore | None = None) -> ModelFolder:
    folder = open_model(model, store)
    if not folder.reads_lines:
        raise UsageError(f"{folder.reference} reads single digits, not lines; name a model of the network lines.")
    return folder


def frames_of(pictures: Sequence[Picture], run: Run, together: int = 32) -> list[Frames]:
    """The frames of each line, which do not depend on the lines that are read together with it."""
    answers: dict[int, Frames] = {}
    for width, places in _by_width(pictures).items():
        for start in range(0, len(places), together):
            some = places[start : start + together]
            answers.update(
                zip(some, run(np.stack([_lengthened(pictures[place], width) for place in some])), strict=True)
            )
    return [answers[place] for place in range(len(pictures))]


def _by_width(pictures: Sequence[Picture]) -> dict[int, list[int]]:
    widths: dict[int, list[int]] = defaultdict(list)
    for place, picture in enumerate(pictures):
        widths[-(-picture.shape[1] // STEP) * STEP].append(place)
    return widths


def _lengthened(picture: Picture, width: int) -> Picture:
    line = np.zeros((HEIGHT, width), np.uint8)
    line[:, : picture.shape[1]] = picture
    return line
