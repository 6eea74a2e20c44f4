"""Eager PyTorch, from the weights themselves: what every other engine is compared with."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from pipelines.inference.engines.base import BatchSlice, Engine
from pipelines.networks.architectures import Reader


class PyTorchEngine(Engine):
    name, precision = "pytorch", "fp32"
    max_batch = 256

    def __init__(self, reader: Reader, threads: int, device: str | None = None) -> None:
        """Run on a GPU if there is one, or on the named device."""
        super().__init__(reader.classes)
        # Of the whole process: PyTorch has no threads of one model's own.
        torch.set_num_threads(threads)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.on_gpu = self._device.type == "cuda"
        self._reader = reader.eval().to(self._device)

    @torch.inference_mode()
    def _infer(self, parts: Iterable[BatchSlice]) -> None:
        for images, answer in parts:
            answer[:] = self._reader(torch.tensor(images, device=self._device)).softmax(1).cpu().numpy()

    def _release(self) -> None:
        del self._reader
