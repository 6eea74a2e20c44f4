"""The exported graph: one file, the same bytes every time, bytes in and probabilities out."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from pipelines.conversion.export import export
from pipelines.networks.architectures import NETWORKS, Reader
from tests.digits import drawn


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def exported(request: pytest.FixtureRequest) -> tuple[Reader, bytes]:
    torch.manual_seed(0)
    reader = Reader(request.param, 11, 0.13, 0.31)
    images = torch.tensor(drawn(64).images)
    reader.train()(images)  # so that a batch norm has statistics of its own
    return reader.eval(), export(reader)


def test_the_graph_takes_bytes_and_gives_probabilities(exported: tuple[Reader, bytes]) -> None:
    graph = onnx.load_from_string(exported[1]).graph
    [images], [probabilities] = graph.input, graph.output
    assert (images.name, probabilities.name) == ("images", "probabilities")
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert probabilities.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert [size.dim_value for size in images.type.tensor_type.shape.dim][1:] == [28, 28]
    assert images.type.tensor_type.shape.dim[0].dim_param
    assert graph.node[0].op_type == "Cast"  # TensorRT can do nothing else with bytes
    assert not {"BatchNormalization", "Dropout"} & {node.op_type for node in graph.node}


def test_it_reads_as_the_network_does_in_any_batch(exported: tuple[Reader, bytes]) -> None:
    reader, graph = exported
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for count in (1, 2, 7):
        images = drawn(count, seed=count).images
        with torch.inference_mode():
            truth = reader(torch.tensor(images)).softmax(1).numpy()
        assert np.allclose(session.run(None, {"images": images})[0], truth, atol=1e-5)


def test_the_same_network_gives_the_same_bytes(exported: tuple[Reader, bytes]) -> None:
    assert export(exported[0]) == exported[1]


def test_nothing_in_it_tells_of_the_machine_it_was_made_on(exported: tuple[Reader, bytes]) -> None:
    assert not any(word in exported[1] for word in (b"site-packages", b"pipelines/", b'File "', b"python"))


def test_the_network_itself_is_left_as_it_was(exported: tuple[Reader, bytes]) -> None:
    reader, _ = exported
    before = {name: value.clone() for name, value in reader.state_dict().items()}
    export(reader)
    assert all(torch.equal(value, before[name]) for name, value in reader.state_dict().items())
