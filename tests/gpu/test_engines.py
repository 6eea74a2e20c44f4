"""Every engine on the GPU: it reads as ONNX Runtime does on the CPU, beside others, and leaves nothing behind."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipelines.errors import EngineError
from pipelines.inference.engines import Engine, open_engine
from pipelines.inference.engines.base import Probabilities
from pipelines.models.folder import ModelFolder
from tests.gpu.conftest import Open
from tests.stores import refusal

Images = NDArray[np.uint8]
CLOSE = 0.05
"""Of a probability: no more than half precision may change."""
SLACK = 32 << 20
"""Bytes that a driver may keep for itself."""


def free_memory() -> int:
    torch.cuda.synchronize()
    return torch.cuda.mem_get_info()[0]


def test_it_reads_as_the_cpu_does(opened: Open, images: Images, truth: Probabilities) -> None:
    with opened() as engine:
        found = engine.run(images)
    assert np.allclose(found.sum(1), 1, atol=1e-2)
    assert (found.argmax(1) == truth.argmax(1)).mean() > 0.998
    assert np.median(np.abs(found - truth).max(1)) < CLOSE


def test_an_image_gets_the_same_answer_alone_and_in_any_batch(opened: Open, images: Images) -> None:
    with opened() as engine:
        whole = engine.run(images)
        for count in (1, 2, 3, 63, 64, 65, 1000, 4095, 4096, 4097, 8192, 8193):
            assert np.allclose(engine.run(images[:count]), whole[:count], atol=CLOSE), count


def test_many_threads_each_get_their_own_answer(opened: Open, images: Images) -> None:
    with opened() as engine:
        assert read_by_threads(engine, images, engine.run(images)) == []


def read_by_threads(engine: Engine, images: Images, whole: Probabilities) -> list[int]:
    """Where what was read differs from what is known."""
    wrong: list[int] = []

    def read(first: int) -> None:
        for start in range(first, 8000, 800):
            some = slice(start, start + 1 + start * 7 % 1900)
            if not np.allclose(engine.run(images[some]), whole[some], atol=CLOSE):
                wrong.append(start)

    threads = [threading.Thread(target=read, args=(index * 100,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_one_is_opened_and_closed_while_another_reads(
    opened: Open, model: ModelFolder, images: Images, truth: Probabilities
) -> None:
    """As the online server does when a model is switched."""
    with opened() as engine:
        whole, done = engine.run(images), threading.Event()
        wrong: list[list[int]] = []

        def go_on_reading() -> None:
            while not done.is_set():
                wrong.append(read_by_threads(engine, images, whole))

        reading = threading.Thread(target=go_on_reading)
        reading.start()
        try:
            for _ in range(3):
                with open_engine("torch_cuda", model) as other:
                    assert (other.run(images).argmax(1) == truth.argmax(1)).mean() > 0.998
        finally:
            done.set()
            reading.join()
    assert wrong
    assert not any(wrong)


def test_two_are_opened_at_the_same_moment(model: ModelFolder, images: Images, truth: Probabilities) -> None:
    right: list[float] = []

    def read() -> None:
        with open_engine("torch_cuda", model) as engine:
            right.append((engine.run(images).argmax(1) == truth.argmax(1)).mean())

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(right) == 2
    assert min(right) > 0.998


def test_memory_is_given_back(opened: Open, images: Images) -> None:
    opened().close()  # what the libraries load once stays
    before = free_memory()
    with opened() as engine:
        engine.run(images)
        assert free_memory() < before - SLACK
    assert free_memory() >= before - SLACK


def test_no_memory_left_is_a_sentence_and_the_gpu_can_be_used_again(opened: Open, images: Images) -> None:
    opened().close()
    torch.cuda.empty_cache()
    taken = torch.empty(free_memory() - (64 << 20), dtype=torch.uint8, device="cuda")
    said = refusal(EngineError, opened)
    assert "memory" in said
    assert "\n" not in said
    del taken
    torch.cuda.empty_cache()
    with opened() as engine:
        assert engine.run(images[:3]).shape == (3, engine.classes)


def test_auto_takes_the_gpu(model: ModelFolder) -> None:
    with open_engine("auto", model) as engine:
        assert engine.name in ("tensorrt", "tensorrt_rtx", "torch_cuda")


def test_what_lies_on_the_card_is_computed(opened: Open) -> None:
    with opened() as engine:
        for count in (1, 5, engine.max_batch):
            engine.compute(count)  # type: ignore[attr-defined]
    with pytest.raises(EngineError, match="is closed"):
        engine.compute(1)  # type: ignore[attr-defined]
