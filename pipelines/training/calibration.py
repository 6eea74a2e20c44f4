"""One number that makes a network's confidence mean what it says."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.augment import augment
from pipelines.corpora.corpus import Split
from pipelines.networks import Reader
from pipelines.training.options import TrainingOptions

VIEWS = 4
BATCH = 1000
SHARPEST = 0.5
"""Where every image is read right, the loss only falls with the temperature, and each confidence would become 1."""


def calibrate(reader: Reader, held: Split, options: TrainingOptions) -> float:
    """Fit the reader's temperature on the held-back images as they are and in augmented views, and set it."""
    torch.manual_seed(options.seed)
    reader.temperature.fill_(1.0)
    images, labels = torch.tensor(held.images), torch.tensor(held.labels).long()
    order = torch.randperm(len(labels))
    images, labels = images[order], labels[order]
    logits = _logits(reader.eval(), images, options)
    reader.temperature.fill_(fitted_temperature(logits, labels.repeat(len(logits) // len(labels))))
    return float(reader.temperature)


@torch.inference_mode()
def _logits(reader: Reader, images: Tensor, options: TrainingOptions) -> Tensor:
    """Of the images themselves, then of each view in turn."""
    views = [reader(some) for some in images.split(BATCH)]
    for _ in range(VIEWS if options.augment != "none" else 0):
        views += [reader(augment(some, options.augment, options.left_out())) for some in images.split(BATCH)]
    return torch.cat(views)


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature with the least loss; the loss has one minimum, so a search between bounds finds it."""
    low, high = SHARPEST, 20.0
    for _ in range(60):
        third = (high / low) ** (1 / 3)
        if _loss(logits, labels, low * third) < _loss(logits, labels, high / third):
            high /= third
        else:
            low *= third
    return (low * high) ** 0.5


def _loss(logits: Tensor, labels: Tensor, temperature: float) -> float:
    return float(functional.cross_entropy(logits / temperature, labels))
