"""The way of batches through the TensorRT engine, on stand-ins for pycuda and for TensorRT's runtime."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.engines import tensorrt
from pipelines.engines.base import Images
from pipelines.engines.tensorrt import TensorRtEngine
from pipelines.errors import EngineError
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

    def push(self) -> None:
        Context.depth += 1

    def pop(self) -> None:
        Context.depth -= 1

    def detach(self) -> None:
        assert Context.depth == 0


class Stream:
    handle = 7

    def synchronize(self) -> None:
        assert Context.depth == 1


def copied(into: NDArray[Any], source: NDArray[Any]) -> None:
    assert Context.depth == 1
    flat = np.ascontiguousarray(source).view(np.uint8).reshape(-1)
    into[: len(flat)] = flat


PYCUDA = SimpleNamespace(
    Error=Failure,
    MemoryError=Full,
    Stream=Stream,
    Device=lambda index: SimpleNamespace(retain_primary_context=Context),
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

    def __init__(self) -> None:
        self._at: dict[str, NDArray[np.uint8]] = {}
        self._count = 0

    def set_tensor_address(self, name: str, address: int) -> None:
        self._at[name] = Memory.held[address].bytes

    def set_input_shape(self, name: str, shape: tuple[int, int, int]) -> None:
        assert (name, shape[1:]) == ("images", (28, 28))
        self._count = shape[0]

    def execute_async_v3(self, handle: int) -> bool:
        images = self._at["images"][: self._count * 784].reshape(-1, 784)
        answer = self._at["probabilities"].view(np.float32).reshape(-1, 10)[: self._count]
        answer[:] = np.eye(10, dtype=np.float32)[images.max(1)]
        return not self.fails


class Logger:
    ERROR = 1

    def __init__(self, level: int) -> None:
        pass


RTX = SimpleNamespace(
    Logger=Logger,
    Runtime=lambda log: SimpleNamespace(deserialize_cuda_engine=lambda plan: Built if plan else None),
)
Built = SimpleNamespace(create_execution_context=Execution)


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    Memory.held = {}
    monkeypatch.setattr(tensorrt, "load_pycuda", lambda: PYCUDA)
    monkeypatch.setattr(tensorrt, "load_flavour", lambda flavour: RTX)
    monkeypatch.setattr(TensorRtEngine, "max_batch", 4)


def opened() -> TensorRtEngine:
    return TensorRtEngine(b"a plan", 10, "tensorrt_rtx", "fp16")


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
    assert refusal(EngineError, opened) == "The GPU has no memory left for the engine (out of memory)."
    assert Context.depth == 0


def test_a_plan_that_is_refused_and_a_batch_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(EngineError, lambda: TensorRtEngine(b"", 10, "tensorrt_rtx", "fp16"))
    assert said == "tensorrt_rtx refuses the plan: it is not for this GPU, driver or version."
    with opened() as engine:
        monkeypatch.setattr(Execution, "fails", True)
        assert refusal(EngineError, lambda: engine.run(images(3))) == "TensorRT did not run a batch of 3."
        monkeypatch.setattr(Execution, "fails", False)
        assert engine.run(images(2)).argmax(1).tolist() == [0, 1]
