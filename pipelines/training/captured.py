"""A step of learning as one CUDA graph, since a network this small otherwise waits for Python most of the time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipelines.networks.cuda_graphs import WARM_UP, capture

Update = Callable[[Tensor, Tensor, "float | Tensor"], Tensor]
"""Images as they are shown, labels and learning rate -> the loss, and a model that has learnt from them."""


class CapturedUpdate:
    """The first updates are made as they are, on a stream of their own, as a capture needs; then the graph makes them.

    It has one size of batch, and its own tensor for the learning rate: a plain number would be captured as it was.
    """

    def __init__(self, update: Update, device: torch.device) -> None:
        self._update = update
        self._stream = torch.cuda.Stream(device)
        self._rate, self._loss = torch.zeros((), device=device), torch.zeros((), device=device)
        self._made = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, views: Tensor, labels: Tensor, rate: float | Tensor) -> Tensor:
        self._rate.fill_(rate)
        if self._made < WARM_UP:
            self._made += 1
            return self._aside(views, labels)
        if self._graph is None:
            self._views, self._labels = torch.empty_like(views), torch.empty_like(labels)
            self._graph = capture(self._work, self._stream)
        self._views.copy_(views)
        self._labels.copy_(labels)
        self._graph.replay()
        # The next replay writes to where this loss is.
        return self._loss.clone()

    def _aside(self, views: Tensor, labels: Tensor) -> Tensor:
        here = torch.cuda.current_stream()
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            loss = self._update(views, labels, self._rate)
        here.wait_stream(self._stream)
        return loss

    def _work(self) -> None:
        self._loss.copy_(self._update(self._views, self._labels, self._rate))
