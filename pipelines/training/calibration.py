"""Temperature scaling: one number that makes a network's confidences match its accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pipelines.augment import augment
from pipelines.networks.architectures import Reader
from pipelines.training.examples import Examples
from pipelines.training.losses import summed_loss
from pipelines.training.options import TrainingOptions
from pipelines.training.ragged import Ragged, at_once

VIEWS = 4
SHARPEST = 0.5
"""The lowest temperature: if every image is read right, the loss has no minimum and confidences would become 1."""

LogitBatches = Sequence[tuple[Tensor, Tensor]]
"""Logits and labels, batch by batch."""


def calibrate(reader: Reader, validation: Examples, options: TrainingOptions) -> float:
    """Fit the reader's temperature on the held-back images as they are and in augmented views, and set it."""
    torch.manual_seed(options.seed)
    reader.temperature.fill_(1.0)
    reader.temperature.fill_(fitted_temperature(_logits(reader.eval(), _ordered(validation), options)))
    return float(reader.temperature)


def _ordered(validation: Examples) -> Examples:
    """Shuffled, since augmentation leaves the first of a batch clean; lines sorted by width, to pad less."""
    images, labels = validation
    if isinstance(images, Ragged):
        order = images.widths.argsort(stable=True)
        return Examples(images.in_order(order), labels[order])
    order = torch.randperm(len(labels))
    return Examples(images[order], labels[order])


@torch.inference_mode()
def _logits(reader: Reader, validation: Examples, options: TrainingOptions) -> LogitBatches:
    """The logits of the images themselves, then of each augmented view."""
    batches = [(reader(images), labels) for images, labels in _batches(validation)]
    for _ in range(VIEWS if options.augment != "none" else 0):
        views = (
            (augment(images, options.augment, options.left_out()), labels) for images, labels in _batches(validation)
        )
        batches += [(reader(images), labels) for images, labels in views]
    return batches


def _batches(validation: Examples) -> Iterator[tuple[Tensor, Tensor]]:
    size = at_once(validation.images)
    return zip(validation.images.split(size), validation.labels.split(size), strict=True)


def fitted_temperature(batches: LogitBatches) -> float:
    """The temperature with the least loss; the loss has one minimum, so a search between bounds finds it."""
    low, high = SHARPEST, 20.0
    for _ in range(60):
        third = (high / low) ** (1 / 3)
        if _loss(batches, low * third) < _loss(batches, high / third):
            high /= third
        else:
            low *= third
    return (low * high) ** 0.5


def _loss(batches: LogitBatches, temperature: float) -> float:
    return sum(float(summed_loss(logits / temperature, labels)) for logits, labels in batches)
