"""The way of batches through the TensorRT engine, on stand-ins for pycuda and for TensorRT's runtime."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.errors import EngineError, GpuError
from pipelines.inference.engines import cuda, tensorrt
from pipelines.inference.engines.base import Images
from pipelines.inference.engines.cuda import compute_capability, device_name, load_pycuda, primary_context
from pipelines.inference.engines.tensorrt import PlanRefused, TensorRtEngine
from tests.stores import refusal


class Failure(Exception):
    pass


class Full(Failure):
    pass


class Memory:
    """Of a card, by its address."""

    held: dict[int, Memory]
    room = 1 << 30

    def __init__(self, size: int) -> None:
        if size > Memory.room:
            raise Full("out of memory")
        self.bytes = np.zeros(size, np.uint8)
        Memory.held[id(self)] = self

    def __int__(self) -> int:
        return id(self)

    def free(self) -> None:
        del Memory.held[id(self)]


class Pinned(np.ndarray[Any, Any]):
    """An array whose base can be freed, as pycuda's."""

    base = SimpleNamespace(free=lambda: None)


class Context:
    depth = 0
    retained = 0

    def __init__(self) -> None:
        Context.retained += 1

    def push(self) -> None:
        Context.depth += 1

    def pop(self) -> None:
        Context.depth -= 1


class Stream:
    handle = 7
    fails = False

    def synchronize(self) -> None:
        assert Context.depth == 1
        if Stream.fails:
            raise Failure("cuStreamSynchronize failed: an illegal memory access was encountered")


def copied(into: NDArray[Any], source: NDArray[Any]) -> None:
    assert Context.depth == 1
    flat = np.ascontiguousarray(source).view(np.uint8).reshape(-1)
    into[: len(flat)] = flat


PYCUDA = SimpleNamespace(
    Error=Failure,
    MemoryError=Full,
    Stream=Stream,
    Device=lambda index: SimpleNamespace(
        retain_primary_context=Context, compute_capability=lambda: (8, 9), name=lambda: "NVIDIA L4"
    ),
    mem_alloc=Memory,
    pagelocked_empty=lambda shape, kind: np.zeros(shape, kind).view(Pinned),
    memcpy_htod_async=lambda into, source, stream: copied(into.bytes, source),
    memcpy_dtoh_async=lambda into, source, stream: copied(
        into.view(np.ndarray).view(np.uint8).reshape(-1), source.bytes[: into.nbytes]
    ),
)


class Execution:
    """Reads an image as the class of its brightest pixel."""

    fails = False
    takes: frozenset[object] = frozenset({"images", "probabilities", 1, 2, 3, 4})

    def __init__(self, config: Config | None = None) -> None:
        self._at: dict[str, NDArray[np.uint8]] = {}
        self._count = 0
        self._compiled = config.cache.content if config and config.cache else set()

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._at[name] = Memory.held[address].bytes
        return name in self.takes

    def set_input_shape(self, name: str, shape: tuple[int, int, int]) -> bool:
        assert (name, shape[1:]) == ("images", (28, 28))
        self._count = shape[0]
        self._compiled.add(self._count)
        return self._count in self.takes

    def execute_async_v3(self, handle: int) -> bool:
        images = self._at["images"][: self._count * 784].reshape(-1, 784)
        answer = self._at["probabilities"].view(np.float32).reshape(-1, 10)[: self._count]
        answer[:] = np.eye(10, dtype=np.float32)[images.max(1)]
        return not self.fails


class Cache:
    """Of sizes of batches that something was compiled for."""

    def __init__(self) -> None:
        self.content: set[int] = set()

    def deserialize(self, content: bytes) -> bool:
        with suppress(ValueError):
            self.content.update(json.loads(content))
            return True
        return False

    def serialize(self) -> bytes:
        assert Context.depth == 1
        return json.dumps(sorted(self.content)).encode()


class Config:
    taken = True

    def __init__(self) -> None:
        self.cache: Cache | None = None

    def create_runtime_cache(self) -> Cache:
        return Cache()

    def set_runtime_cache(self, cache: Cache) -> bool:
        self.cache = cache
        return self.taken


class Inspector:
    """Tells of the shape that its context has."""

    execution_context: Execution

    def get_engine_information(self, form: str) -> str:
        assert (form, Context.depth) == ("JSON", 1)
        return json.dumps({"Layers": [{"Outputs": [{"Dimensions": [self.execution_context._count, 10]}]}]})


class Logger:
    ERROR = 1

    def __init__(self, level: int) -> None:
        pass


RTX = SimpleNamespace(
    Logger=Logger,
    Runtime=lambda log: SimpleNamespace(deserialize_cuda_engine=lambda plan: Built if plan else None),
    LayerInformationFormat=SimpleNamespace(JSON="JSON"),
    CudaGraphStrategy=SimpleNamespace(WHOLE_GRAPH_CAPTURE=1),
)
Built = SimpleNamespace(
    create_execution_context=Execution, create_engine_inspector=Inspector, create_runtime_config=Config
)


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Memory.held = {}
    primary_context.cache_clear()
    for module in (cuda, tensorrt):
        monkeypatch.setattr(module, "load_pycuda", lambda: PYCUDA)
    monkeypatch.setattr(tensorrt, "load_flavour", lambda flavour: RTX)
    monkeypatch.setattr(TensorRtEngine, "max_batch", 4)
    yield
    primary_context.cache_clear()


def opened(compiled: Path | None = None) -> TensorRtEngine:
    return TensorRtEngine(b"a plan", 10, "tensorrt_rtx", "fp16", compiled)


def images(count: int) -> Images:
    return np.stack([np.full((28, 28), index % 10, np.uint8) for index in range(count)])


@pytest.mark.parametrize("count", [1, 4, 5, 8, 9, 23])
def test_each_image_gets_its_answer_and_memory_is_given_back(count: int) -> None:
    with opened() as engine:
        for _ in range(2):
            assert engine.run(images(count)).argmax(1).tolist() == [index % 10 for index in range(count)]
        assert len(Memory.held) == 4
    assert Memory.held == {}


def test_what_lies_on_the_card_is_computed() -> None:
    with opened() as engine:
        engine.compute(3)
    assert "is closed" in refusal(EngineError, lambda: engine.compute(3))


def test_no_memory_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "room", 100)
    assert refusal(GpuError, opened) == "The GPU has no memory left for the engine (out of memory)."
    assert Context.depth == 0


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_where_there_is_no_memory_for_one_lane_that_of_the_other_is_given_back(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limited(size: int) -> Memory:
        if len(Memory.held) == first:
            raise Full("out of memory")
        return Memory(size)

    monkeypatch.setattr(PYCUDA, "mem_alloc", limited)
    assert refusal(GpuError, opened) == "The GPU has no memory left for the engine (out of memory)."
    assert (Memory.held, Context.depth) == ({}, 0)


def test_a_gpu_that_fails_while_an_engine_is_opened_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Stream:
        raise Failure("cuStreamCreate failed: unspecified launch failure\nadvice")

    monkeypatch.setattr(PYCUDA, "Stream", broken)
    assert refusal(GpuError, opened) == (
        "The GPU failed while the engine was opened: cuStreamCreate failed: unspecified launch failure."
    )
    assert (Memory.held, Context.depth) == ({}, 0)


def test_a_gpu_that_has_failed_is_closed_in_silence_and_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened()
    monkeypatch.setattr(Stream, "fails", True)
    engine.close()
    assert (Memory.held, Context.depth) == ({}, 0)


def test_the_context_is_retained_once_whatever_threads_open_and_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Context, "retained", 0)
    with opened() as engine:
        closer = threading.Thread(target=opened().close)
        closer.start()
        closer.join()
        assert engine.run(images(2)).argmax(1).tolist() == [0, 1]
    assert Context.retained == 1


def test_a_driver_without_a_gpu_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def init() -> None:
        raise Failure("cuInit failed: no CUDA-capable device is detected")

    driver = SimpleNamespace(Error=Failure, init=init)
    monkeypatch.setitem(sys.modules, "pycuda", SimpleNamespace(driver=driver))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "pycuda.driver", driver)  # type: ignore[arg-type]
    assert refusal(EngineError, load_pycuda) == (
        "TensorRT engines need a CUDA GPU, and none can be used here: "
        "cuInit failed: no CUDA-capable device is detected."
    )


def test_a_gpu_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (compute_capability(), device_name()) == (89, "NVIDIA L4")

    def gone(index: int) -> None:
        raise Failure("cuDeviceGet failed: invalid device ordinal")

    monkeypatch.setattr(PYCUDA, "Device", gone)
    for ask in (compute_capability, device_name, primary_context):
        assert refusal(EngineError, ask).endswith(": cuDeviceGet failed: invalid device ordinal.")


def test_the_inspector_is_asked_of_one_image() -> None:
    with opened() as engine:
        engine.run(images(3))
        assert json.loads(engine.layers()) == {"Layers": [{"Outputs": [{"Dimensions": [1, 10]}]}]}
        assert engine.run(images(3)).argmax(1).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        ("images", "TensorRT takes no memory for images: the plan is of another network."),
        ("probabilities", "TensorRT takes no memory for probabilities: the plan is of another network."),
        (3, "TensorRT takes no batch of 3: the plan is for others. Build it again."),
    ],
)
def test_what_a_context_does_not_take_is_told(refused: object, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Execution, "takes", Execution.takes - {refused})
    assert refusal(EngineError, lambda: opened().run(images(3))) == said
    assert Context.depth == 0


def test_what_is_compiled_is_kept_for_the_next_process_even_of_one_that_is_killed(tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "plan.compiled"
    killed = opened(kept)
    for count in (1, 4, 3):
        killed.run(images(count))
    assert json.loads(kept.read_bytes()) == [1, 4]
    with opened(kept) as engine:
        engine.run(images(2))
        assert json.loads(kept.read_bytes()) == [1, 2, 4]
        engine.run(images(2))
        engine.run(images(3))
    assert json.loads(kept.read_bytes()) == [1, 2, 3, 4]


def test_what_cannot_be_kept_or_is_damaged_is_compiled_again(tmp_path: Path) -> None:
    damaged = tmp_path / "plan.compiled"
    damaged.write_bytes(b"[1,")
    with opened(damaged) as engine:
        engine.run(images(2))
    assert json.loads(damaged.read_bytes()) == [2]
    with opened(Path("/proc/nowhere/plan.compiled")) as engine:
        assert engine.run(images(2)).argmax(1).tolist() == [0, 1]


def test_a_runtime_that_takes_no_cache_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Config, "taken", False)
    assert "takes no runtime cache" in refusal(EngineError, lambda: opened(tmp_path / "plan.compiled"))
    assert Context.depth == 0


def test_a_plan_that_is_refused_and_a_batch_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(PlanRefused, lambda: TensorRtEngine(b"", 10, "tensorrt_rtx", "fp16"))
    assert said == "tensorrt_rtx refuses the plan: it is not for this GPU, driver or version."
    with opened() as engine:
        monkeypatch.setattr(Execution, "fails", True)
        assert refusal(GpuError, lambda: engine.run(images(3))) == "TensorRT did not run a batch of 3."
        monkeypatch.setattr(Execution, "fails", False)
        assert engine.run(images(2)).argmax(1).tolist() == [0, 1]
