"""How well whole numbers are read, by the network and by its graph, which must say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.conversion.export import INPUT, export
from pipelines.engines.threads import available_threads
from pipelines.errors import ConversionError, DataError
from pipelines.line_reader import frames_of, session_of
from pipelines.metrics import ENOUGH, accepted_unseen, calibration_error, told_share, wilson
from pipelines.model_folder import GRAPHS
from pipelines.networks import Reader
from pipelines.strings.decoding import Frames, Value, likeliest
from pipelines.strings.drawing import DrawnLine
from pipelines.training.checkpoint import load_reader
from pipelines.writing import write_whole

Picture = NDArray[np.uint8]

COMPARED = 64
"""Lines on which the graph is compared with the network."""
FURTHEST = 1e-3
"""How far apart their probabilities may lie."""


@dataclass(frozen=True)
class LineScores:
    count: int
    accuracy: float
    """The share read exactly."""
    interval: tuple[float, float]
    calibration_error: float
    accepted_share: float | None
    """None, as is `accepted_above`, where there were too few lines to tell."""
    accepted_above: float | None
    nothing_read: float | None
    """Of lines that are no number, the share in which none is read; None where there was no such line."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        return told_share(self.accuracy, self.interval)


def score_lines(readings: Sequence[Value], truths: Sequence[str]) -> LineScores:
    if not readings:
        raise DataError("There is nothing to score: there are no lines.")
    right = np.array([reading.digits == truth for reading, truth in zip(readings, truths, strict=True)])
    confidence = np.array([reading.probability for reading in readings], np.float32).clip(0, 1)
    share, threshold = accepted_unseen(confidence, right) if len(right) >= ENOUGH else (None, None)
    empty = right[[not truth for truth in truths]]
    return LineScores(
        count=len(right),
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), len(right)),
        calibration_error=calibration_error(confidence, right),
        accepted_share=share,
        accepted_above=threshold,
        nothing_read=float(empty.mean()) if len(empty) else None,
    )


def finish_lines(folder: Path, lines: Sequence[DrawnLine]) -> LineScores | None:
    """Export the graph of the weights in this folder, and read with it what was drawn to be read once."""
    reader = load_reader(folder)
    graph = export(reader)
    write_whole(folder / GRAPHS["fp32"], graph)
    if not lines:
        return None
    session = session_of(graph, available_threads())
    pictures = [line.picture for line in lines]
    frames = frames_of(pictures, lambda some: session.run(None, {INPUT: some})[0])
    _check_same(reader, pictures[:COMPARED], frames[:COMPARED])
    return score_lines([likeliest(one)[0] for one in frames], [line.digits for line in lines])


@torch.inference_mode()
def _check_same(reader: Reader, pictures: Sequence[Picture], frames: Sequence[Frames]) -> None:
    said = frames_of(pictures, lambda some: reader(torch.from_numpy(some)).softmax(-1).numpy())
    most = max(float(np.abs(one - other).max()) for one, other in zip(said, frames, strict=True))
    if most > FURTHEST:
        raise ConversionError(
            f"The graph of these weights and the network differ by {most:.4f} in a probability, where {FURTHEST} is "
            "much; nothing is published. Check the versions of torch and onnxruntime against constraints.txt."
        )
