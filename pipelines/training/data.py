"""The validation split, each worker's share of a batch, and the images' brightness."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.corpora.corpus import Split
from pipelines.corpora.statistics import brightness
from pipelines.errors import UsageError
from pipelines.training.options import TrainingOptions


def split_validation(train: Split, share: float, seed: int) -> tuple[Split, Split]:
    """Cut a validation split from the training images, the same share of every class, and never the whole of one."""
    random = np.random.default_rng(seed)
    validation = np.zeros(len(train), bool)
    for label in np.unique(train.labels):
        members = random.permutation(np.flatnonzero(train.labels == label))
        validation[members[: min(max(1, round(len(members) * share)), len(members) - 1)]] = True
    if not validation.any():
        raise UsageError(f"{len(train)} training images are too few to hold a validation split back from.")
    return _take(train, ~validation), _take(train, validation)


def _take(split: Split, mask: NDArray[np.bool_]) -> Split:
    return Split(split.images[mask], split.labels[mask])


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """The order of one epoch, the same for every worker and for a run that is resumed."""
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    return torch.randperm(count, generator=generator)


def worker_batches(order: Tensor, batch: int, rank: int, workers: int) -> Tensor:
    """This worker's part of every full batch, [steps, batch / workers]: disjoint, and together the whole batch."""
    steps = len(order) // batch
    return order[: steps * batch].view(steps, workers, batch // workers)[:, rank]


def describe(options: TrainingOptions, split: Split) -> dict[str, Any]:
    """The arguments of the network, among them the images' brightness."""
    seen = brightness(split.images)
    return {
        "network": options.network,
        "classes": len(options.classes()),
        "mean": seen.mean,
        "deviation": max(seen.sd, 1e-3),
    }


def check_batch(batch: int, workers: int, count: int) -> None:
    if batch % workers:
        raise UsageError(
            f"A batch of {batch} cannot be shared evenly by {workers} workers; take a multiple of {workers}.",
            option="batch",
        )
    if batch // workers < 2:
        raise UsageError(
            f"A batch of {batch} leaves {batch // workers} image for each of {workers} workers; take a larger one.",
            option="batch",
        )
    if batch > count:
        raise UsageError(
            f"A batch of {batch} is more than the {count} images there are to train on; take a smaller one.",
            option="batch",
        )
