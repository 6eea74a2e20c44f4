"""TensorRT on a CUDA GPU, through pycuda: pinned host memory, two streams, and copies that overlap with computing."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, suppress
from types import ModuleType
from typing import Any

import numpy as np

from pipelines.errors import EngineError, GpuError, first_line
from pipelines.images import SIDE
from pipelines.inference.engines.cuda import current, load_pycuda, primary_context
from pipelines.inference.engines.lanes import IN_FLIGHT, Lane, LanedEngine
from pipelines.inference.engines.plan_cache import PROFILE
from pipelines.inference.engines.tensorrt_build import load_flavour


class TensorRtLane(Lane):
    def __init__(self, cuda: ModuleType, execution: Any, classes: int, max_batch: int) -> None:
        with ExitStack() as made:
            images = _pinned(cuda, (max_batch, SIDE, SIDE), np.uint8, made)
            super().__init__(images, _pinned(cuda, (max_batch, classes), np.float32, made))
            self._cuda, self.execution = cuda, execution
            self.stream = cuda.Stream()
            self._device_in = _on_device(cuda, self._host_in.nbytes, made)
            self._device_out = _on_device(cuda, self._host_out.nbytes, made)
            execution.set_tensor_address("images", int(self._device_in))
            execution.set_tensor_address("probabilities", int(self._device_out))
            self._batch = 0
            self._memory = made.pop_all()

    def copy_in(self, count: int) -> None:
        self._cuda.memcpy_htod_async(self._device_in, self._host_in[:count], self.stream)

    def compute(self, count: int) -> None:
        self.shape(count)
        if not self.execution.execute_async_v3(self.stream.handle):
            raise GpuError(f"TensorRT did not run a batch of {count}.")

    def shape(self, count: int) -> None:
        if count != self._batch:
            self.execution.set_input_shape("images", (count, SIDE, SIDE))
            self._batch = count

    def copy_out(self, count: int) -> None:
        self._cuda.memcpy_dtoh_async(self._host_out[:count], self._device_out, self.stream)

    def wait(self) -> None:
        self.stream.synchronize()

    def free(self) -> None:
        with self._memory:
            self.wait()
        del self.execution, self.stream


def _pinned(cuda: ModuleType, shape: tuple[int, ...], kind: type, made: ExitStack) -> Any:
    array = cuda.pagelocked_empty(shape, kind)
    made.callback(array.base.free)
    return array


def _on_device(cuda: ModuleType, size: int, made: ExitStack) -> Any:
    memory = cuda.mem_alloc(size)
    made.callback(memory.free)
    return memory


class PlanRefused(EngineError):
    """The driver refused the plan although its record fits; one that is built here and now may work."""


class TensorRtEngine(LanedEngine):
    max_batch = PROFILE[2]

    def __init__(self, plan: bytes, classes: int, flavour: str, precision: str) -> None:
        super().__init__(classes)
        self.name, self.precision = flavour, precision
        self._cuda = load_pycuda()
        self._lanes: list[TensorRtLane] = []
        self._failures = (self._cuda.Error,)
        trt = load_flavour(flavour)
        try:
            with self._current(), ExitStack() as unfinished:
                unfinished.callback(self._free)
                self._open(plan, trt)
                unfinished.pop_all()
        except self._cuda.MemoryError as error:
            raise GpuError(f"The GPU has no memory left for the engine ({error}).") from error
        except self._cuda.Error as error:
            raise GpuError(f"The GPU failed while the engine was opened: {first_line(error)}.") from error

    def _open(self, plan: bytes, trt: Any) -> None:
        self._runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise PlanRefused(f"{self.name} refuses the plan: it is not for this GPU, driver or version.")
        for _ in range(IN_FLIGHT):
            self._lanes.append(self._lane(trt))

    def _lane(self, trt: Any) -> TensorRtLane:
        execution = self._engine.create_execution_context(*_graphs(trt, self._engine))
        if execution is None:
            raise GpuError(f"{self.name} cannot make an execution context: the GPU has too little memory left.")
        return TensorRtLane(self._cuda, execution, self.classes, self.max_batch)

    def _current(self) -> AbstractContextManager[None]:
        return current(primary_context())

    def layers(self) -> str:
        """The built engine as its inspector describes it for one image, types included, as JSON."""
        trt = load_flavour(self.name)
        with self._in_use(), self._lock, self._current():
            self._lanes[0].shape(1)
            inspector = self._engine.create_engine_inspector()
            inspector.execution_context = self._lanes[0].execution
            return inspector.get_engine_information(trt.LayerInformationFormat.JSON)

    def _release(self) -> None:
        with self._current():
            self._free()

    def _free(self) -> None:
        for lane in self._lanes:
            # A GPU that has failed takes nothing back, and has said so already.
            with suppress(*self._failures):
                lane.free()
        self._lanes, self._engine, self._runtime = [], None, None


def _graphs(trt: Any, engine: Any) -> tuple[Any, ...]:
    """TensorRT for RTX captures a CUDA graph for each batch size by itself, if asked to."""
    if not hasattr(trt, "CudaGraphStrategy"):
        return ()
    config = engine.create_runtime_config()
    config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    return (config,)
