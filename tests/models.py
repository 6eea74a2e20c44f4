"""A small model that has learnt a little, published and converted, for the tests that need one that reads."""

from __future__ import annotations

from pathlib import Path

import torch

from pipelines.conversion.convert import CalibrationImages, Conversion, ConversionOptions, Outcome
from pipelines.conversion.plans import Reporter
from pipelines.corpora.corpus import Split
from pipelines.models.store import ModelStore
from pipelines.models.version import Version
from pipelines.networks.architectures import Reader
from pipelines.training import checkpoint
from pipelines.training.learner import Learner
from tests.digits import plain, tensors

CLASSES = [str(digit) for digit in range(10)]
DESCRIPTION = {"network": "small", "classes": 10, "mean": 0.13, "deviation": 0.31}
EVERY_CPU_ENGINE = ("onnxruntime", "openvino")


def taught(split: Split, steps: int = 150, batch: int = 128) -> Reader:
    torch.manual_seed(0)
    learner = Learner(plain(batch=batch), Reader(**DESCRIPTION), torch.device("cpu"))
    images, labels = tensors(split)
    for step in range(steps):
        chosen = torch.arange(step * batch, (step + 1) * batch) % len(labels)
        learner.step(images[chosen], labels[chosen], 0.004)
    return learner.reader.eval()


def publish(store: ModelStore, reader: Reader, folder: Path, name: str = "small") -> Version:
    folder.mkdir()
    checkpoint.save(folder, DESCRIPTION, reader, {}, [])
    (folder / checkpoint.RESUME).unlink()
    return store.publish(name, folder, {"classes": CLASSES, "data": {"corpus": "builtin"}})


def convert(
    store: ModelStore, version: Version, split: Split, *precisions: str, engines: tuple[str, ...] = EVERY_CPU_ENGINE
) -> Outcome:
    ranges = CalibrationImages("drawn", split.images[:300], "of drawn digits")
    options, tell = ConversionOptions(precisions, engines, (89,)), Reporter(lambda line: None, lambda line: None)
    return Conversion(store, version, options, split, lambda: ranges, tell).run()
