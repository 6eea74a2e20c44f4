"""A small reader of lines that has learnt three numbers by heart."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.conversion.export import export
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.models.store import ModelStore
from pipelines.models.version import Version
from pipelines.networks.architectures import Reader
from pipelines.networks.weights import save_weights
from pipelines.strings.line import HEIGHT, find_line
from pipelines.training.learner import Learner
from pipelines.training.line_task import labels_of
from pipelines.training.options import TrainingOptions
from pipelines.training.ragged import Ragged
from tests.pipelines.strings.written import on_paper, row

KNOWN = ("23", "611", "7")
DESCRIPTION = {"network": "lines", "classes": 11, "mean": 0.12, "deviation": 0.28}
OPTIONS = TrainingOptions(network="lines", lines=3, augment="none", precision="fp32", batch=3)
CLASSES = [*"0123456789", ""]


def picture(number: str) -> NDArray[np.uint8]:
    line = find_line(on_paper(row(number)))
    assert line is not None
    return line.picture


@cache
def taught() -> Reader:
    torch.manual_seed(0)
    learner = Learner(OPTIONS, Reader(**DESCRIPTION), torch.device("cpu"))
    images, labels = Ragged([picture(number) for number in KNOWN])[torch.arange(3)], labels_of(KNOWN)
    for _ in range(60):
        learner.step(images, labels, 0.004)
    return learner.reader.eval()


@cache
def shipped() -> LineRecognizer:
    """The one that comes with the code."""
    return LineRecognizer(threads=1)


def publish(store: ModelStore, folder: Path) -> Version:
    folder.mkdir()
    save_weights(folder, DESCRIPTION, taught())
    (folder / "model.onnx").write_bytes(export(taught()))
    told = {"classes": CLASSES, "input": {"shape": ["N", HEIGHT, "W"]}, "data": {"corpus": "mnist"}}
    return store.publish("lines", folder, told)
