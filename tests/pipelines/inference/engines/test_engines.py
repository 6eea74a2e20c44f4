"""Every engine that can run here, on real graphs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from pipelines.corpora.corpus import Split
from pipelines.corpora.specs import load_corpus
from pipelines.errors import EngineError
from pipelines.inference.engines import Engine, open_engine
from pipelines.inference.engines.base import Probabilities
from pipelines.models.folder import ModelFolder, open_model
from pipelines.models.store import ModelStore
from tests.models import convert, publish, taught

CASES = [
    ("pytorch", "fp32", 1e-5),
    ("onnxruntime", "fp32", 1e-5),
    ("onnxruntime", "fp16", 0.01),
    ("onnxruntime", "int8", 0.5),
    ("openvino", "fp32", 1e-5),
    ("openvino", "bf16", 0.1),
    ("openvino", "fp16", 0.1),
    ("openvino", "int8", 0.5),
]


@pytest.fixture(scope="module")
def truth(model: ModelFolder, digits: Split) -> Probabilities:
    with open_engine("pytorch", model) as engine:
        return engine.run(digits.images)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest, model: ModelFolder) -> Iterator[tuple[Engine, float]]:
    name, precision, tolerance = request.param
    with open_engine(name, model, precision, threads=2) as engine:
        yield engine, tolerance


def test_it_reads_as_the_network_does(case: tuple[Engine, float], digits: Split, truth: Probabilities) -> None:
    engine, tolerance = case
    found = engine.run(digits.images)
    assert found.shape == truth.shape
    assert np.abs(found - truth).max() < tolerance
    assert np.allclose(found.sum(1), 1, atol=1e-2)
    assert (found.argmax(1) == truth.argmax(1)).mean() > 0.995


def test_an_image_gets_the_same_answer_alone_and_in_any_batch(case: tuple[Engine, float], digits: Split) -> None:
    engine, _ = case
    whole = engine.run(digits.images[:700])
    for count in (1, 2, 3, 63, 64, 65, 255, 256, 257, 513):
        part = engine.run(digits.images[:count])
        assert np.allclose(part, whole[:count], atol=2e-3), count
        assert (part.argmax(1) == whole[:count].argmax(1)).all()


def test_many_threads_each_get_their_own_answer(case: tuple[Engine, float], digits: Split) -> None:
    engine, _ = case
    whole = engine.run(digits.images)
    wrong: list[int] = []

    def read(start: int) -> None:
        for first in range(start, 2000, 200):
            size = 1 + (first * 7) % 190
            if not np.allclose(engine.run(digits.images[first : first + size]), whole[first : first + size], atol=2e-3):
                wrong.append(first)

    threads = [threading.Thread(target=read, args=(index * 20,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_engines_read_all_of_mnist_as_the_network_does(measuring_data, tmp_path) -> None:  # type: ignore[no-untyped-def]
    mnist = load_corpus("mnist", measuring_data)
    assert mnist.test is not None
    store = ModelStore(tmp_path / "store")
    version = publish(store, taught(mnist.train, steps=400), tmp_path / "files")
    convert(store, version, mnist.test)
    model = open_model("small", store)
    with open_engine("pytorch", model) as engine:
        truth = engine.run(mnist.test.images)
    assert (truth.argmax(1) == mnist.test.labels).mean() > 0.97
    for name, precision in (("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "auto")):
        with open_engine(name, model, precision) as engine:
            found = engine.run(mnist.test.images)
        other = np.flatnonzero(found.argmax(1) != truth.argmax(1))
        best_two = np.sort(truth[other], axis=1)[:, -2:]
        assert len(other) <= 5, (name, precision)
        assert (best_two[:, 1] - best_two[:, 0] < 0.05).all(), (name, precision)


@pytest.mark.parametrize("name", ["pytorch", "onnxruntime", "openvino"])
def test_a_library_that_fails_in_a_batch_is_a_sentence(name: str, model: ModelFolder) -> None:
    """A view of the wrong shape slips past the check, as memory that ran out would."""
    with open_engine(name, model) as engine, pytest.raises(EngineError, match=f"The engine {name} failed in a batch: "):
        engine._fill(np.zeros((1, 3, 3), np.uint8), np.empty((1, 10), np.float32))


def test_the_fake_is_no_engine_that_can_be_asked_for(model: ModelFolder) -> None:
    with pytest.raises(Exception, match="There is no engine 'fake'"):
        open_engine("fake", model)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_graph_that_is_none_is_refused_in_a_sentence(name: str, model: ModelFolder) -> None:
    from pipelines.inference.engines.onnx_runtime import OnnxRuntimeEngine
    from pipelines.inference.engines.openvino import OpenVinoEngine

    with pytest.raises(EngineError, match="cannot load the graph: "):
        if name == "openvino":
            OpenVinoEngine(b"no graph", 10, 1)
        else:
            OnnxRuntimeEngine(b"no graph", 10, 1, "fp32")
