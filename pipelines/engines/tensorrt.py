"""TensorRT on a CUDA GPU, through pycuda: pinned host memory, two streams, and copies that overlap with computing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from pipelines.engines.lanes import IN_FLIGHT, Lane, LanedEngine
from pipelines.engines.plans import PROFILE
from pipelines.engines.tensorrt_build import load_flavour
from pipelines.errors import EngineError
from pipelines.images import SIDE


def load_pycuda() -> ModuleType:
    try:
        import pycuda.driver as cuda
    except ImportError as error:
        raise EngineError(
            f"TensorRT engines need pycuda, which is not installed; pip install 'inkray[gpu]' builds it, "
            f"which takes the CUDA toolkit ({error})."
        ) from error
    cuda.init()
    return cuda


@contextmanager
def current(context: Any) -> Iterator[None]:
    """A CUDA context belongs to a thread while it is current, and our calls come from any thread."""
    context.push()
    try:
        yield
    finally:
        context.pop()


class TensorRtLane(Lane):
    def __init__(self, cuda: ModuleType, execution: Any, classes: int, max_batch: int) -> None:
        self._pinned: list[Any] = [
            cuda.pagelocked_empty((max_batch, SIDE, SIDE), np.uint8),
            cuda.pagelocked_empty((max_batch, classes), np.float32),
        ]
        super().__init__(*self._pinned)
        self._cuda, self._execution = cuda, execution
        self.stream = cuda.Stream()
        self._device_in = cuda.mem_alloc(self._host_in.nbytes)
        self._device_out = cuda.mem_alloc(self._host_out.nbytes)
        execution.set_tensor_address("images", int(self._device_in))
        execution.set_tensor_address("probabilities", int(self._device_out))
        self._batch = 0

    def copy_in(self, count: int) -> None:
        self._cuda.memcpy_htod_async(self._device_in, self._host_in[:count], self.stream)

    def compute(self, count: int) -> None:
        if count != self._batch:
            self._execution.set_input_shape("images", (count, SIDE, SIDE))
            self._batch = count
        if not self._execution.execute_async_v3(self.stream.handle):
            raise EngineError(f"TensorRT did not run a batch of {count}.")

    def copy_out(self, count: int) -> None:
        self._cuda.memcpy_dtoh_async(self._host_out[:count], self._device_out, self.stream)

    def wait(self) -> None:
        self.stream.synchronize()

    def free(self) -> None:
        self.wait()
        for memory in (self._device_in, self._device_out):
            memory.free()
        for pinned in self._pinned:
            pinned.base.free()
        del self._execution, self.stream


class TensorRtEngine(LanedEngine):
    max_batch = PROFILE[2]

    def __init__(self, plan: bytes, classes: int, flavour: str, precision: str, device: int = 0) -> None:
        super().__init__(classes)
        self.name, self.precision = flavour, precision
        self._cuda, trt = load_pycuda(), load_flavour(flavour)
        self._failures = (self._cuda.Error,)
        # The device's primary context: one for the whole process, shared with whatever else uses the GPU in it.
        self._context = self._cuda.Device(device).retain_primary_context()
        with current(self._context):
            self._runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
            self._engine = self._runtime.deserialize_cuda_engine(plan)
            if self._engine is None:
                raise EngineError(f"{flavour} refuses the plan: it is not for this GPU, driver or version.")
            try:
                self._lanes = [self._lane(trt) for _ in range(IN_FLIGHT)]
            except self._cuda.MemoryError as error:
                raise EngineError(f"The GPU has no memory left for the engine ({error}).") from error

    def _lane(self, trt: Any) -> TensorRtLane:
        execution = self._engine.create_execution_context(*_graphs(trt, self._engine))
        if execution is None:
            raise EngineError(f"{self.name} cannot make an execution context: the GPU has too little memory left.")
        return TensorRtLane(self._cuda, execution, self.classes, self.max_batch)

    def _current(self) -> AbstractContextManager[None]:
        return current(self._context)

    def layers(self) -> str:
        """The built engine as its inspector tells it, types and all, as JSON."""
        trt = load_flavour(self.name)
        with current(self._context):
            return self._engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)

    def _release(self) -> None:
        with current(self._context):
            for lane in self._lanes:
                lane.free()
            del self._lanes, self._engine, self._runtime
        self._context.detach()


def _graphs(trt: Any, engine: Any) -> tuple[Any, ...]:
    """TensorRT for RTX captures a CUDA graph for each batch size by itself, if it is told to."""
    if not hasattr(trt, "CudaGraphStrategy"):
        return ()
    config = engine.create_runtime_config()
    config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    return (config,)


def compute_capability(device: int = 0) -> int:
    major, minor = load_pycuda().Device(device).compute_capability()
    return major * 10 + minor
