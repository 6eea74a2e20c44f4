"""What the tests on a GPU share. Without one they are skipped, and say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipelines.corpora.builtin import load_builtin
from pipelines.inference.engines import Engine, open_engine
from pipelines.inference.engines.base import Probabilities
from pipelines.inference.engines.cuda import tensorrt_flavour
from pipelines.models.folder import ModelFolder, open_model

FOLDER = Path(__file__).parent
FLAVOUR = tensorrt_flavour()
NO_TENSORRT = pytest.mark.skipif(FLAVOUR is None, reason="no TensorRT with pycuda")
ENGINES = [
    pytest.param(("torch_cuda", "fp16"), id="torch_cuda-fp16"),
    pytest.param(("torch_cuda", "bf16"), id="torch_cuda-bf16"),
    pytest.param((FLAVOUR, "fp32"), id="tensorrt-fp32", marks=NO_TENSORRT),
]

Open = Callable[[], Engine]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="no CUDA GPU that PyTorch can use"))


@pytest.fixture(scope="session")
def model() -> ModelFolder:
    return open_model("builtin")


@pytest.fixture(scope="session")
def images() -> NDArray[np.uint8]:
    """More than every engine takes at once."""
    split = load_builtin().test
    assert split is not None
    return np.resize(split.prepared().images, (10_000, 28, 28))


@pytest.fixture(scope="session")
def truth(model: ModelFolder, images: NDArray[np.uint8]) -> Probabilities:
    """What ONNX Runtime reads on the CPU."""
    with open_engine("onnxruntime", model, "fp32") as engine:
        return engine.run(images)


@pytest.fixture(params=ENGINES)
def opened(request: pytest.FixtureRequest, model: ModelFolder) -> Open:
    name, precision = request.param
    return lambda: open_engine(name, model, precision)
