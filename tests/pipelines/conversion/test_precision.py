"""Precision lies in the graph."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper, shape_inference

from pipelines.conversion.export import export
from pipelines.conversion.precision import to_fp16, to_int8
from pipelines.networks.architectures import NETWORKS
from tests.digits import drawn, new_reader


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def graph(request: pytest.FixtureRequest) -> bytes:
    torch.manual_seed(0)
    return export(new_reader(request.param).eval())


def read(graph: bytes) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": drawn(50).images})[0]


def types(graph: bytes) -> dict[str, int]:
    return {
        value.name: value.type.tensor_type.elem_type
        for value in shape_inference.infer_shapes(onnx.load_from_string(graph)).graph.value_info
    }


def test_fp16_holds_half_the_bytes_and_keeps_its_doors(graph: bytes) -> None:
    half = to_fp16(graph)
    assert len(half) < 0.6 * len(graph)
    model = onnx.load_from_string(half)
    assert model.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    assert model.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    assert np.abs(read(half) - read(graph)).max() < 0.01


def test_fp16_computes_every_layer_with_weights_in_half(graph: bytes) -> None:
    half = to_fp16(graph)
    found = types(half)
    layers = [node for node in onnx.load_from_string(half).graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    assert layers
    assert all(found[node.output[0]] == TensorProto.FLOAT16 for node in layers)


def test_int8_is_symmetric_and_leaves_the_bias_in_floats(graph: bytes) -> None:
    quantised = to_int8(graph, drawn(200).images)
    model = onnx.load_from_string(quantised).graph
    kinds = Counter(node.op_type for node in model.node)
    layers = kinds["Conv"] + kinds["Gemm"] + kinds["MatMul"]
    assert kinds["DequantizeLinear"] >= 2 * layers
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.initializer}
    for node in model.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = constants[node.input[2]]
            assert zero.dtype == np.int8 and not zero.any()
    assert np.abs(read(quantised) - read(graph)).max() < 0.2


def test_the_same_images_give_the_same_int8_bytes(graph: bytes) -> None:
    assert to_int8(graph, drawn(200).images) == to_int8(graph, drawn(200).images)
