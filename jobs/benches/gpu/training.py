"""How long training takes on one device, and how well what it made reads: the worker's own steps, without Ray."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace

import torch

from pipelines.corpora import Corpus, Split
from pipelines.errors import UsageError
from pipelines.networks.architectures import Reader
from pipelines.training.data import describe, epoch_order, worker_batches
from pipelines.training.learner import Learner
from pipelines.training.options import TrainingOptions, learning_rate_at


@dataclass(frozen=True)
class TrainingRun:
    seconds: float
    """The time from images on the device to the last step, including graph capture but not evaluation."""
    accuracy: float


@dataclass(frozen=True)
class TrainingRuns:
    each: list[TrainingRun]

    @property
    def seconds(self) -> float:
        return statistics.mean(run.seconds for run in self.each)

    @property
    def accuracy(self) -> float:
        return statistics.mean(run.accuracy for run in self.each)


def train_often(options: TrainingOptions, corpus: Corpus, device: torch.device, seeds: int) -> TrainingRuns:
    """Train once for each seed, after a run of one epoch for warm-up. The number of epochs is fixed beforehand: no run
    is stopped by its accuracy on the test set."""
    if corpus.test is None:
        raise UsageError(f"The corpus {options.corpus} has no test split to read; name another.")
    train, test = corpus.train.prepared(), corpus.test.prepared()
    train_once(replace(options, epochs=1), train, test, device)
    return TrainingRuns([train_once(replace(options, seed=seed), train, test, device) for seed in range(seeds)])


def train_once(options: TrainingOptions, train: Split, test: Split, device: torch.device) -> TrainingRun:
    torch.manual_seed(options.seed)
    learner = Learner(options, Reader(**describe(options, train)), device)
    images, labels = _on(device, train)
    _finish(device)
    started = time.perf_counter()
    steps = len(labels) // options.batch
    for epoch in range(options.epochs):
        order = epoch_order(len(labels), options.seed, epoch + 1).to(device)
        for step, chosen in enumerate(worker_batches(order, options.batch, 0, 1)):
            rate = learning_rate_at(options, epoch * steps + step, options.epochs * steps)
            learner.step(images[chosen], labels[chosen], rate)
    _finish(device)
    seconds = time.perf_counter() - started
    right, _ = learner.evaluate(*_on(device, test)).tolist()
    return TrainingRun(seconds, right / len(test))


def _on(device: torch.device, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(split.images, device=device), torch.tensor(split.labels, device=device).long()


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
