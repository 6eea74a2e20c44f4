"""Two batches under way at once, on lanes that do nothing until they are waited for, as a GPU may."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.errors import EngineError, GpuError
from pipelines.inference.engines.base import Images
from pipelines.inference.engines.lanes import Lane, LanedEngine
from tests.stores import refusal

LARGEST = 4


class LateLane(Lane):
    """Its answer to an image is the image's brightness and how often it computed."""

    def __init__(self, name: str, told: list[str]) -> None:
        super().__init__(np.zeros((LARGEST, 28, 28), np.uint8), np.zeros((LARGEST, 1), np.float32))
        self._name, self._told = name, told
        self._asked: list[Callable[[], None]] = []
        self._there_in, self._there_out = np.zeros_like(self._host_in), np.zeros_like(self._host_out)

    def copy_in(self, count: int) -> None:
        self._told.append(f"{self._name} starts {count}")
        self._asked.append(lambda: np.copyto(self._there_in[:count], self._host_in[:count]))

    def compute(self, count: int) -> None:
        self._asked.append(lambda: np.copyto(self._there_out[:, 0], self._there_in.max((1, 2))))

    def copy_out(self, count: int) -> None:
        if self._host_in[0].max() == 13:
            raise MemoryError("unlucky\nadvice")
        self._asked.append(lambda: np.copyto(self._host_out[:count], self._there_out[:count]))

    def wait(self) -> None:
        self._told.append(f"{self._name} ends")
        for asked in self._asked:
            asked()
        self._asked.clear()

    def free(self) -> None:
        self._told.append(f"{self._name} is freed")


class LateEngine(LanedEngine):
    name, precision, max_batch = "late", "fp32", LARGEST
    _failures = (MemoryError,)

    def __init__(self, lanes: int) -> None:
        super().__init__(1)
        self.told: list[str] = []
        self._lanes = [LateLane("ab"[index], self.told) for index in range(lanes)]

    def _release(self) -> None:
        for lane in self._lanes:
            lane.free()


def images(*brightness: int) -> Images:
    return np.stack([np.full((28, 28), value, np.uint8) for value in brightness])


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("count", [1, 4, 5, 8, 9, 12, 21])
def test_each_image_gets_its_answer(lanes: int, count: int) -> None:
    with LateEngine(lanes) as engine:
        assert engine.run(images(*range(100, 100 + count)))[:, 0].tolist() == list(range(100, 100 + count))


def test_a_batch_is_started_while_the_one_before_it_is_under_way() -> None:
    with LateEngine(2) as engine:
        engine.run(images(*range(20, 34)))
    parts = ["a starts 4", "b starts 4", "a ends", "a starts 4", "b ends", "b starts 2", "a ends", "b ends"]
    assert engine.told == [*parts, "a is freed", "b is freed"]


def test_with_one_lane_each_waits_for_the_one_before_it() -> None:
    with LateEngine(1) as engine:
        engine.run(images(1, 2, 3, 4, 5))
    assert engine.told == ["a starts 4", "a ends", "a starts 1", "a ends", "a is freed"]


def test_a_failure_is_a_sentence_and_the_next_call_has_its_own_answers() -> None:
    with LateEngine(2) as engine:
        unlucky = images(1, 2, 3, 4, 13)
        assert refusal(GpuError, lambda: engine.run(unlucky)) == "The GPU failed in a batch: unlucky."
        assert engine.run(images(*range(20, 31)))[:, 0].tolist() == list(range(20, 31))


def test_what_lies_on_the_gpu_is_computed_without_a_copy() -> None:
    with LateEngine(2) as engine:
        engine.run(images(7))
        del engine.told[:]
        engine.compute(3)
        assert engine.told == ["a ends"]
    assert "is closed" in refusal(EngineError, lambda: engine.compute(1))
