"""TensorRT on a CUDA GPU, through pycuda: pinned host memory, two streams, and copies that overlap with computing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from pipelines.engines.base import Engine, Part
from pipelines.engines.plans import PROFILE
from pipelines.engines.tensorrt_build import load_flavour
from pipelines.errors import EngineError
from pipelines.images import SIDE

IN_FLIGHT = 2


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


class Lane:
    """What one batch under way needs for itself: a stream, an execution context, and memory on both sides."""

    def __init__(self, cuda: ModuleType, execution: Any, classes: int, max_batch: int) -> None:
        self._cuda, self._execution = cuda, execution
        self.stream = cuda.Stream()
        self._host_in = cuda.pagelocked_empty((max_batch, SIDE, SIDE), np.uint8)
        self._host_out = cuda.pagelocked_empty((max_batch, classes), np.float32)
        self._device_in = cuda.mem_alloc(self._host_in.nbytes)
        self._device_out = cuda.mem_alloc(self._host_out.nbytes)
        execution.set_tensor_address("images", int(self._device_in))
        execution.set_tensor_address("probabilities", int(self._device_out))
        self._part: Part | None = None
        self._batch = 0

    def start(self, part: Part) -> None:
        count = len(part.images)
        self._host_in[:count] = part.images
        self._cuda.memcpy_htod_async(self._device_in, self._host_in[:count], self.stream)
        if count != self._batch:
            self._execution.set_input_shape("images", (count, SIDE, SIDE))
            self._batch = count
        if not self._execution.execute_async_v3(self.stream.handle):
            raise EngineError(f"TensorRT did not run a batch of {count}.")
        self._cuda.memcpy_dtoh_async(self._host_out[:count], self._device_out, self.stream)
        self._part = part

    def finish(self) -> None:
        self.stream.synchronize()
        if self._part is not None:
            self._part.answer[:] = self._host_out[: len(self._part.images)]
            self._part = None

    def free(self) -> None:
        self.stream.synchronize()
        for memory in (self._device_in, self._device_out):
            memory.free()
        for pinned in (self._host_in, self._host_out):
            pinned.base.free()
        del self._execution, self.stream


class TensorRtEngine(Engine):
    max_batch = PROFILE[2]

    def __init__(self, plan: bytes, classes: int, flavour: str, precision: str, device: int = 0) -> None:
        super().__init__(classes)
        self.name, self.precision = flavour, precision
        self._cuda, trt = load_pycuda(), load_flavour(flavour)
        self._lock = threading.Lock()
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

    def _lane(self, trt: Any) -> Lane:
        execution = self._engine.create_execution_context(*_graphs(trt, self._engine))
        if execution is None:
            raise EngineError(f"{self.name} cannot make an execution context: the GPU has too little memory left.")
        return Lane(self._cuda, execution, self.classes, self.max_batch)

    def _infer(self, parts: Iterable[Part]) -> None:
        with self._lock, current(self._context):
            idle, under_way = deque(self._lanes), deque[Lane]()
            try:
                for part in parts:
                    if not idle:
                        self._finish(under_way, idle)
                    idle[0].start(part)
                    under_way.append(idle.popleft())
                while under_way:
                    self._finish(under_way, idle)
            except self._cuda.Error as error:
                raise EngineError(f"The GPU failed in a batch: {error}.") from error

    @staticmethod
    def _finish(under_way: deque[Lane], idle: deque[Lane]) -> None:
        lane = under_way.popleft()
        lane.finish()
        idle.append(lane)

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
