"""Lines on a GPU, through the stand-in for one, and which engine reads them beside which."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.errors import EngineError, GpuError, UnknownName
from pipelines.inference import line_engines
from pipelines.inference.engines.opening import OPENERS
from pipelines.inference.line_engines import NAMES, OnnxLines, TorchLines, beside, open_line_engine
from pipelines.inference.line_recognizer import LineRecognizer, open_line_model
from pipelines.models.folder import ModelFolder
from pipelines.models.store import ModelStore
from tests import lines
from tests.no_card import no_card
from tests.stores import refusal

PICTURES = [lines.picture(number) for number in ("2", "236523", "7")]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("lines")
    store = ModelStore(folder / "store")
    lines.publish(store, folder / "files")
    return str(folder / "store")


@pytest.fixture(scope="module")
def model(store: str) -> ModelFolder:
    return open_line_model("lines", ModelStore(store))


def test_a_gpu_says_what_the_cpu_says(store: str) -> None:
    on_the_cpu = LineRecognizer("lines", 1, store, "onnxruntime")
    with no_card():
        on_a_gpu = LineRecognizer("lines", 1, store, "torch_cuda")
        found = on_a_gpu(PICTURES)
    assert (on_the_cpu.name, on_a_gpu.name, on_a_gpu.precision) == ("onnxruntime", "torch_cuda", "fp32")
    for one, other in zip(found, on_the_cpu(PICTURES), strict=True):
        assert np.allclose(one, other, atol=1e-4)


def test_auto_takes_a_gpu_that_pytorch_can_use(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with no_card():
        for gpus, usable, kind in ((1, True, TorchLines), (1, False, OnnxLines), (0, True, OnnxLines)):
            monkeypatch.setattr(line_engines, "cuda_gpus", lambda gpus=gpus: gpus)
            monkeypatch.setattr(line_engines, "torch_computes_on_cuda", lambda usable=usable: usable)
            assert isinstance(open_line_engine("auto", model, 1), kind)


def test_a_gpu_that_fails_is_told_apart_from_a_batch_that_does(model: ModelFolder) -> None:
    with no_card():
        engine = open_line_engine("torch_cuda", model, 1)

    def failed(*_: object) -> torch.Tensor:
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nadvice")

    engine._reader = failed  # type: ignore[attr-defined]
    assert refusal(GpuError, lambda: engine.read(np.zeros((1, 48, 32), np.uint8))) == (
        "The GPU failed in a batch of lines: CUDA error: an illegal memory access was encountered."
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_engine_that_is_named_is_never_replaced(model: ModelFolder) -> None:
    assert "needs a CUDA GPU" in refusal(EngineError, lambda: open_line_engine("torch_cuda", model, 1))
    said = refusal(UnknownName, lambda: open_line_engine("openvino", model, 1))
    assert said.startswith("There is no engine for lines 'openvino'; known: auto, onnxruntime, onnxruntime-cuda, torch")


def test_lines_are_read_on_the_processor_that_reads_digits() -> None:
    assert {name: beside(name) for name in ("auto", *OPENERS)} == {
        **{name: name for name in NAMES},
        "openvino": "onnxruntime",
        **dict.fromkeys(("auto", "tensorrt", "tensorrt_rtx", "onnxruntime-tensorrt", "pytorch"), "auto"),
    }
