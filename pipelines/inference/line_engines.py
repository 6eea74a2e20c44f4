"""What reads lines, whose width varies: ONNX Runtime on the CPU or a GPU, or PyTorch on a GPU."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import GpuError, UnknownName, first_line
from pipelines.inference.engines.cuda import cuda_gpus, torch_computes_on_cuda
from pipelines.inference.engines.opening import AUTO, FOR_CPUS, reader_of
from pipelines.models.folder import ModelFolder

Lines = NDArray[np.uint8]
"""Of one width, [N, HEIGHT, W]."""
Read = NDArray[np.float32]
"""What the frames of each line say, [N, frames, classes]."""

NAMES = ("torch_cuda", "onnxruntime-cuda", "onnxruntime")
ON_A_GPU, _, ON_THE_CPU = NAMES
TOGETHER_ON_A_GPU = 256


class LineEngine(ABC):
    name: str
    precision = "fp32"
    together: int
    """Lines that are best read at once."""

    @abstractmethod
    def read(self, lines: Lines) -> Read: ...


class OnnxLines(LineEngine):
    def __init__(self, graph: bytes, threads: int, name: str = ON_THE_CPU) -> None:
        # Only where lines are read is it needed, and not by whoever starts a run.
        from pipelines.inference.engines.onnx_runtime import session_on

        self.name, self._on_gpu = name, name != ON_THE_CPU
        # On a CPU, more at once leave its cache.
        self.together = TOGETHER_ON_A_GPU if self._on_gpu else 32
        self._session = session_on(name, graph, threads)

    def read(self, lines: Lines) -> Read:
        try:
            return self._session.run(None, {"images": lines})[0]
        except Exception as error:  # they have no class in common
            if self._on_gpu:
                raise GpuError(f"The GPU failed in a batch of lines: {first_line(error)}.") from error
            raise


class TorchLines(LineEngine):
    name, together = ON_A_GPU, TOGETHER_ON_A_GPU

    def __init__(self, model: ModelFolder) -> None:
        from pipelines.inference.engines import torch_cuda

        torch_cuda.check_cuda()
        self._card = torch_cuda.CARD
        try:
            self._reader = reader_of(model).eval().to(self._card)
        except RuntimeError as error:
            raise GpuError(f"The GPU failed while the model of lines was loaded: {first_line(error)}.") from error

    def read(self, lines: Lines) -> Read:
        import torch

        try:
            with torch.inference_mode():
                return self._reader(torch.tensor(lines, device=self._card)).softmax(-1).cpu().numpy()
        except RuntimeError as error:
            raise GpuError(f"The GPU failed in a batch of lines: {first_line(error)}.") from error


def open_line_engine(name: str, model: ModelFolder, threads: int) -> LineEngine:
    if name not in (AUTO, *NAMES):
        raise UnknownName("engine for lines", name, [AUTO, *NAMES])
    if name == AUTO:
        name = ON_A_GPU if cuda_gpus() and torch_computes_on_cuda() else ON_THE_CPU
    return TorchLines(model) if name == ON_A_GPU else OnnxLines(model.graph("fp32"), threads, name)


def beside(engine: str) -> str:
    """The engine for lines where this one reads single digits: the same, or else another on the same processor."""
    if engine in NAMES:
        return engine
    return ON_THE_CPU if engine in FOR_CPUS else AUTO
