"""What can be known without a GPU of the engine on one: sizes, the narrow network, and its way through a stand-in."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipelines.corpora.corpus import Split
from pipelines.errors import EngineError, GpuError, UsageError
from pipelines.inference.engines import open_engine
from pipelines.inference.engines.torch_cuda import SIZES, NarrowReadout, size_for
from pipelines.models.folder import ModelFolder
from pipelines.networks.architectures import NETWORKS
from tests import no_card as stand_in
from tests.digits import drawn, new_reader
from tests.no_card import no_card
from tests.stores import refusal

WITHOUT_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@WITHOUT_CUDA
def test_without_a_gpu_it_says_so(model: ModelFolder) -> None:
    assert refusal(EngineError, lambda: open_engine("torch_cuda", model)) == (
        "The engine torch_cuda needs a CUDA GPU that PyTorch can use, and there is none here; "
        "take another engine, or auto."
    )


def test_it_computes_in_half_precision_alone(model: ModelFolder) -> None:
    assert refusal(UsageError, lambda: open_engine("torch_cuda", model, "fp32")) == (
        "The engine torch_cuda does not compute in fp32; it knows fp16, bf16."
    )


def test_every_batch_has_room_and_wastes_less_than_half() -> None:
    for count in range(1, SIZES[-1] + 1):
        assert count <= size_for(count) < 2 * count or size_for(count) == count == 1


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03), (torch.float16, 4e-3)])
def test_the_narrow_network_reads_as_the_network_does(network: str, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    reader = new_reader(network).train()
    images = torch.tensor(drawn(32).images)
    reader(images)  # so that batch norms have something to fold
    reader.temperature.fill_(0.7)
    reader.eval()
    with torch.inference_mode():
        found = NarrowReadout(reader, dtype)(images)
        assert found.dtype == torch.float32
        assert torch.allclose(found, reader(images).softmax(1), atol=tolerance)


def test_all_between_the_convolutions_lies_channels_last() -> None:
    readout = NarrowReadout(new_reader("ink").eval(), torch.float16)
    seen: list[bool] = []

    def look(layer: nn.Module, given: object, made: Tensor) -> None:
        seen.append(made.is_contiguous(memory_format=torch.channels_last) and made.dtype == torch.float16)

    for layer in readout.reader.network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(look)
    readout(torch.zeros(2, 28, 28, dtype=torch.uint8))
    assert len(seen) >= 5
    assert all(seen)


@pytest.mark.parametrize("count", [0, 1, 3, 16, 17, 45, 100])
def test_its_way_through_a_stand_in_for_the_gpu(count: int, model: ModelFolder, digits: Split) -> None:
    with open_engine("pytorch", model) as network:
        truth = network.run(digits.images[:count])
    with no_card(), open_engine("torch_cuda", model) as engine:
        assert (engine.name, engine.precision) == ("torch_cuda", "fp16")
        found = engine.run(digits.images[:count])
    assert found.shape == truth.shape
    assert np.allclose(found, truth, atol=0.01)


def test_many_threads_each_get_their_own_answer(model: ModelFolder, digits: Split) -> None:
    wrong: list[int] = []
    with no_card(), open_engine("torch_cuda", model, "bf16") as engine:
        whole = engine.run(digits.images[:120])

        def read(first: int) -> None:
            some = slice(first, first + 1 + first % 37)
            if not np.allclose(engine.run(digits.images[:120][some]), whole[some], atol=0.05):
                wrong.append(first)

        threads = [threading.Thread(target=read, args=(first,)) for first in range(0, 80, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_closed_engine_holds_nothing_and_says_so(model: ModelFolder, digits: Split) -> None:
    with no_card(), open_engine("torch_cuda", model) as engine:
        lanes = engine._lanes  # type: ignore[attr-defined]
    assert not any(isinstance(held, Tensor) for lane in lanes for held in vars(lane).values())
    assert refusal(EngineError, lambda: engine.run(digits.images[:1])) == (
        "The engine torch_cuda is closed; open another."
    )


def test_what_cannot_be_freed_keeps_nothing_else(
    model: ModelFolder, digits: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(self: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    reset: list[object] = []
    with no_card():
        engine = open_engine("torch_cuda", model)
        lanes = engine._lanes  # type: ignore[attr-defined]
        monkeypatch.setattr(stand_in.Stream, "synchronize", failed)
        monkeypatch.setattr(stand_in.Graph, "reset", lambda graph: reset.append(graph))
        assert refusal(GpuError, lambda: engine.run(digits.images[:1])).endswith(
            "an illegal memory access was encountered."
        )
        engine.close()
    assert not any(isinstance(held, Tensor) for lane in lanes for held in vars(lane).values())
    assert len(reset) == len(lanes) * len(stand_in.SIZES)


def test_no_memory_on_the_gpu_is_a_sentence(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(readout: nn.Module, images: Tensor, answer: Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nadvice")

    monkeypatch.setattr("pipelines.inference.engines.torch_cuda._read", full)
    with no_card():
        assert refusal(GpuError, lambda: open_engine("torch_cuda", model)) == (
            "The GPU has no memory left for the engine (CUDA out of memory. Tried to allocate 2 GiB)."
        )
