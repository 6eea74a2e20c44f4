"""PyTorch on a CUDA GPU: half precision, channels last, one CUDA graph for each size of batch, copies that overlap."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from functools import partial

import torch
from torch import Tensor, nn

from pipelines.errors import EngineError, GpuError, first_line
from pipelines.images import SIDE
from pipelines.inference.engines.lanes import IN_FLIGHT, Lane, LanedEngine
from pipelines.networks.architectures import Reader
from pipelines.networks.cuda_graphs import ALONE, WARM_UP, capture
from pipelines.networks.folding import Readout, folded

CARD = torch.device("cuda")
TYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}
SIZES = tuple(1 << power for power in range(13))
"""The batch sizes that have a graph, since a graph has one size."""

_STREAMS: list[torch.cuda.Stream] = []
"""Streams of freed lanes, for reuse: cuBLAS keeps memory for each stream that it has worked on."""


def size_for(count: int) -> int:
    """The smallest size with room for so many images: less than half of it is computed for nothing."""
    return next(size for size in SIZES if size >= count)


class NarrowReadout(Readout):
    """The network in fewer bits; what comes before and after it stays in fp32, as in the published fp16 graph."""

    def __init__(self, reader: Reader, dtype: torch.dtype) -> None:
        super().__init__(folded(reader))
        self.dtype = dtype
        self.reader.network.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        pixels = self.reader.normalised(images).to(self.dtype, memory_format=torch.channels_last)
        return self.reader.network(pixels).float().softmax(1)


class TorchLane(Lane):
    def __init__(self, readout: nn.Module, classes: int) -> None:
        self._stream = _STREAMS.pop() if _STREAMS else torch.cuda.Stream()
        self._pinned_in = torch.zeros(SIZES[-1], SIDE, SIDE, dtype=torch.uint8).pin_memory()
        self._pinned_out = torch.zeros(SIZES[-1], classes).pin_memory()
        super().__init__(self._pinned_in.numpy(), self._pinned_out.numpy())
        self._images, self._answer = (torch.zeros_like(one, device=CARD) for one in (self._pinned_in, self._pinned_out))
        pool = torch.cuda.graph_pool_handle()
        # The largest first: the others then fit into its memory, which is free, as they never run side by side.
        self._graphs = {size: self._graph(readout, size, pool) for size in reversed(SIZES)}

    def _graph(self, readout: nn.Module, size: int, pool: object) -> torch.cuda.CUDAGraph:
        work = partial(_read, readout, self._images[:size], self._answer[:size])
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UP):
                work()
        return capture(work, self._stream, pool)

    def copy_in(self, count: int) -> None:
        with torch.cuda.stream(self._stream):
            self._images[:count].copy_(self._pinned_in[:count], non_blocking=True)

    def compute(self, count: int) -> None:
        """Images beyond `count` are of earlier batches, and their answers are never looked at."""
        with torch.cuda.stream(self._stream):
            self._graphs[size_for(count)].replay()

    def copy_out(self, count: int) -> None:
        with torch.cuda.stream(self._stream):
            self._pinned_out[:count].copy_(self._answer[:count], non_blocking=True)

    def wait(self) -> None:
        self._stream.synchronize()

    def free(self) -> None:
        """Let go of everything, whatever of it fails."""
        with ExitStack() as freed:
            freed.callback(self._forget)
            for graph in self._graphs.values():
                freed.callback(graph.reset)
            self.wait()
        _STREAMS.append(self._stream)

    def _forget(self) -> None:
        del self._graphs, self._images, self._answer, self._pinned_in, self._pinned_out, self._host_in, self._host_out


@torch.inference_mode()
def _read(readout: nn.Module, images: Tensor, answer: Tensor) -> None:
    answer.copy_(readout(images))


class TorchCudaEngine(LanedEngine):
    name = "torch_cuda"
    max_batch = SIZES[-1]
    _failures = (RuntimeError,)

    def __init__(self, reader: Reader, precision: str = "fp16", lanes: int = IN_FLIGHT) -> None:
        super().__init__(reader.classes)
        self.precision = precision
        check_cuda()
        try:
            with ALONE:
                self._readout = NarrowReadout(reader, TYPES[precision]).eval().to(CARD)
                self._lanes = [TorchLane(self._readout, self.classes) for _ in range(lanes)]
        except torch.OutOfMemoryError as error:
            raise GpuError(f"The GPU has no memory left for the engine ({first_line(error)}).") from error
        except torch.AcceleratorError as error:
            raise GpuError(f"The GPU failed while the engine was opened: {first_line(error)}.") from error
        except RuntimeError as error:
            raise EngineError(f"PyTorch cannot open the engine on this GPU: {first_line(error)}.") from error

    def _release(self) -> None:
        for lane in self._lanes:
            # A GPU that has failed has said so already.
            with suppress(RuntimeError):
                lane.free()
        del self._lanes, self._readout
        with ALONE, suppress(RuntimeError):
            # PyTorch would keep the memory for itself, and another process shall have it.
            torch.cuda.empty_cache()


def check_cuda() -> None:
    if not torch.cuda.is_available():
        raise EngineError(
            "The engine torch_cuda needs a CUDA GPU that PyTorch can use, and there is none here; "
            "take another engine, or auto."
        )
