"""A stand-in on the CPU for what PyTorch gives of a GPU: everything is run but the card itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import pytest
import torch
from torch import Tensor

from pipelines.inference.engines import torch_cuda
from pipelines.training import captured

SIZES = (1, 2, 4, 8, 16)


class Stream:
    def __init__(self, device: torch.device | None = None) -> None:
        pass

    def wait_stream(self, other: object) -> None:
        pass

    def synchronize(self) -> None:
        pass


class Graph:
    """Does the work again, where a card would launch what was recorded."""

    def __init__(self, work: Callable[[], object], stream: Stream, pool: object = None) -> None:
        self.replay = work

    def reset(self) -> None:
        del self.replay


@contextmanager
def no_card() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("Stream", "current_stream"):
            patch.setattr(torch.cuda, name, Stream)
        patch.setattr(torch.cuda, "stream", nullcontext)
        for name in ("graph_pool_handle", "empty_cache"):
            patch.setattr(torch.cuda, name, lambda: None)
        for module in (torch_cuda, captured):
            patch.setattr(module, "capture", Graph)
        patch.setattr(Tensor, "pin_memory", lambda tensor: tensor.clone())
        patch.setattr(torch_cuda, "check_cuda", lambda: None)
        patch.setattr(torch_cuda, "CARD", torch.device("cpu"))
        patch.setattr(torch_cuda, "SIZES", SIZES)
        patch.setattr(torch_cuda, "_STREAMS", [])
        patch.setattr(torch_cuda.TorchCudaEngine, "max_batch", SIZES[-1])
        yield
