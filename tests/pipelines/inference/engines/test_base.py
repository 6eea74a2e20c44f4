"""What every engine promises, held by the fake one, which has only the base class's code."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from pipelines.errors import DataError, EngineError, GpuError
from pipelines.inference.engines.base import Images, Probabilities
from tests.fake_engine import FakeEngine, by_brightness
from tests.processes import until
from tests.stores import refusal


def images(*brightness: int) -> Images:
    return np.stack([np.full((28, 28), value, np.uint8) for value in brightness])


def test_each_image_gets_its_answer() -> None:
    with FakeEngine() as engine:
        answer = engine.run(images(0, 255, 130))
    assert (answer.dtype, answer.shape) == (np.float32, (3, 10))
    assert answer.argmax(1).tolist() == [0, 9, 5]


@pytest.mark.parametrize(("count", "batches"), [(1, [1]), (4, [4]), (5, [4, 1]), (12, [4, 4, 4]), (13, [4, 4, 4, 1])])
def test_more_than_the_largest_batch_is_split_and_joined_in_order(count: int, batches: list[int]) -> None:
    levels = [index * 255 // count for index in range(count)]
    with FakeEngine(max_batch=4) as engine:
        assert engine.run(images(*levels)).argmax(1).tolist() == [level * 10 // 256 for level in levels]
    assert engine.batches == batches


def test_an_empty_batch_has_an_empty_answer_and_troubles_no_backend() -> None:
    with FakeEngine() as engine:
        assert engine.run(np.empty((0, 28, 28), np.uint8)).shape == (0, 10)
    assert engine.batches == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((2, 28, 28), np.float32), "not float32 [2, 28, 28]"),
        (np.zeros((28, 28), np.uint8), "not uint8 [28, 28]"),
        (np.zeros((2, 32, 32), np.uint8), "not uint8 [2, 32, 32]"),
        (np.zeros((2, 28, 28, 1), np.uint8), "not uint8 [2, 28, 28, 1]"),
    ],
)
def test_other_arrays_are_refused(wrong: Any, words: str) -> None:
    with FakeEngine() as engine, pytest.raises(DataError) as caught:
        engine.run(wrong)
    assert str(caught.value) == (
        f"An engine takes uint8 [N, 28, 28], {words}; Recognizer.read takes digits of any size and type."
    )


def test_what_is_no_array_is_refused() -> None:
    with FakeEngine() as engine, pytest.raises(DataError, match="takes an array of images, not list"):
        engine.run([1, 2])  # type: ignore[arg-type]


def test_rows_that_lie_apart_in_memory_are_read_as_they_are() -> None:
    mixed = images(0, 255, 0, 255)[1::2]
    with FakeEngine() as engine:
        assert engine.run(mixed).argmax(1).tolist() == [9, 9]


def test_a_closed_engine_says_so_and_is_released_once() -> None:
    engine = FakeEngine()
    engine.close()
    engine.close()
    assert engine.released == 1
    with pytest.raises(EngineError) as caught:
        engine.run(images(1))
    assert str(caught.value) == "The engine fake is closed; open another."


def test_closing_waits_for_the_calls_that_run() -> None:
    entered, may_go_on = threading.Event(), threading.Event()

    def slow(some: Images, classes: int) -> Probabilities:
        entered.set()
        assert may_go_on.wait(30)
        return by_brightness(some, classes)

    engine = FakeEngine(slow)
    answers: list[Probabilities] = []
    reading = threading.Thread(target=lambda: answers.append(engine.run(images(255))))
    closing = threading.Thread(target=engine.close)
    reading.start()
    assert entered.wait(30)
    closing.start()
    until(lambda: engine._closed, "the engine refuses new calls")
    assert engine.released == 0
    may_go_on.set()
    for thread in (reading, closing):
        thread.join(30)
    assert (engine.released, answers[0].argmax()) == (1, 9)


def test_a_failed_call_is_a_sentence_and_does_not_keep_the_engine_open() -> None:
    def failing(some: Images, classes: int) -> Probabilities:
        raise RuntimeError("the backend failed.\nadvice")

    engine = FakeEngine(failing)
    for on_gpu, kind in ((False, EngineError), (True, GpuError)):
        engine.on_gpu = on_gpu
        assert refusal(kind, lambda: engine.run(images(1))) == "The engine fake failed in a batch: the backend failed."
    engine.close()
    assert engine.released == 1
