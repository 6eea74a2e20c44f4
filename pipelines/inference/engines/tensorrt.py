"""TensorRT on a CUDA GPU, through pycuda: pinned host memory, two streams, and copies that overlap with computing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pipelines.errors import EngineError, GpuError, first_line
from pipelines.images import SIDE
from pipelines.inference.engines.base import BatchSlice
from pipelines.inference.engines.cuda import current, load_pycuda, primary_context
from pipelines.inference.engines.lanes import IN_FLIGHT, Lane, LanedEngine
from pipelines.inference.engines.plan_cache import PROFILE
from pipelines.inference.engines.runtime_cache import RuntimeCache
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
            for tensor, memory in (("images", self._device_in), ("probabilities", self._device_out)):
                if not execution.set_tensor_address(tensor, int(memory)):
                    raise EngineError(f"TensorRT takes no memory for {tensor}: the plan is of another network.")
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
            if not self.execution.set_input_shape("images", (count, SIDE, SIDE)):
                raise EngineError(f"TensorRT takes no batch of {count}: the plan is for others. Build it again.")
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

    def __init__(self, plan: bytes, classes: int, flavour: str, precision: str, compiled: Path | None = None) -> None:
        """`compiled` is where TensorRT for RTX keeps what it compiles for this GPU."""
        super().__init__(classes)
        self.name, self.precision = flavour, precision
        self._cuda = load_pycuda()
        self._lanes: list[TensorRtLane] = []
        self._compiled: RuntimeCache | None = None
        self._failures = (self._cuda.Error,)
        trt = load_flavour(flavour)
        try:
            with self._current(), ExitStack() as unfinished:
                unfinished.callback(self._free)
                self._open(plan, trt, compiled)
                unfinished.pop_all()
        except self._cuda.MemoryError as error:
            raise GpuError(f"The GPU has no memory left for the engine ({error}).") from error
        except self._cuda.Error as error:
            raise GpuError(f"The GPU failed while the engine was opened: {first_line(error)}.") from error

    def _open(self, plan: bytes, trt: Any, compiled: Path | None) -> None:
        self._runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise PlanRefused(f"{self.name} refuses the plan: it is not for this GPU, driver or version.")
        configs = _configs(trt, self._engine)
        if configs and compiled:
            self._compiled = RuntimeCache(configs[0], compiled)
        for _ in range(IN_FLIGHT):
            self._lanes.append(self._lane(configs))

    def _lane(self, configs: tuple[Any, ...]) -> TensorRtLane:
        execution = self._engine.create_execution_context(*configs)
        if execution is None:
            raise GpuError(f"{self.name} cannot make an execution context: the GPU has too little memory left.")
        return TensorRtLane(self._cuda, execution, self.classes, self.max_batch)

    def _infer(self, parts: Iterable[BatchSlice]) -> None:
        super()._infer(parts)
        if self._compiled:
            with self._lock, self._current():
                self._compiled.called()

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
        with self._current(), ExitStack() as freed:
            freed.callback(self._free)
            if self._compiled:
                self._compiled.keep()

    def _free(self) -> None:
        for lane in self._lanes:
            # A GPU that has failed takes nothing back, and has said so already.
            with suppress(*self._failures):
                lane.free()
        self._lanes, self._compiled, self._engine, self._runtime = [], None, None, None


def _configs(trt: Any, engine: Any) -> tuple[Any, ...]:
    """How contexts run; TensorRT for RTX captures a CUDA graph for each batch size by itself, if asked to."""
    if not hasattr(trt, "CudaGraphStrategy"):
        return ()
    config = engine.create_runtime_config()
    config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    return (config,)
