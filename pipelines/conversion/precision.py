"""A graph in a smaller number type. Precision lies in the graph, so that every engine computes what was checked."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from pipelines.conversion.export import INPUT, serialize

LAYERS = ("Conv", "Gemm", "MatMul")
"""The layers that do the work, and so are worth a smaller type."""


def to_fp16(graph: bytes) -> bytes:
    """All but the first steps, which scale the bytes, and the softmax; input and output keep their types."""
    model = onnx.load_from_string(graph)
    nodes = list(model.graph.node)
    first = next(index for index, node in enumerate(nodes) if node.op_type in (*LAYERS, "Reshape"))
    last = next(index for index, node in enumerate(nodes) if node.op_type == "Softmax")
    head, body, tail = nodes[:first], nodes[first:last], nodes[last:]
    _halve({name for node in body for name in node.input}, model.graph.initializer)
    into = _cast(head[-1].output[0], TensorProto.FLOAT16)
    back = _cast(tail[0].input[0], TensorProto.FLOAT)
    _rename_inputs(body, into)
    _rename_inputs(tail, back)
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend([*head, into, *body, back, *tail])
    return serialize(model)


def _halve(names: set[str], initializers: Iterable[TensorProto]) -> None:
    for tensor in initializers:
        if tensor.name in names and tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _cast(value: str, to: int) -> NodeProto:
    name = f"{value}_as_{TensorProto.DataType.Name(to).lower()}"
    return helper.make_node("Cast", [value], [name], name=name, to=to)


def _rename_inputs(nodes: Iterable[NodeProto], cast: NodeProto) -> None:
    for node in nodes:
        for index, name in enumerate(node.input):
            if name == cast.input[0]:
                node.input[index] = cast.output[0]


def to_int8(graph: bytes, images: NDArray[np.uint8]) -> bytes:
    """Symmetric, with quantise and dequantise nodes whose ranges come from these images."""
    with tempfile.TemporaryDirectory(prefix="inkray-") as folder:
        source, target = Path(folder, "source.onnx"), Path(folder, "target.onnx")
        source.write_bytes(graph)
        # It advises to pre-process the graph, which the export has done.
        logging.disable(logging.WARNING)
        try:
            quantize_static(
                source,
                target,
                CalibrationReader(images),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(LAYERS),
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                # TensorRT takes symmetric types alone, and no bias of 32-bit integers.
                extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False},
            )
        finally:
            logging.disable(logging.NOTSET)
        model = onnx.load(target)
    del model.metadata_props[:]
    model.producer_name, model.producer_version = "inkray", ""
    return serialize(model)


class CalibrationReader(CalibrationDataReader):
    def __init__(self, images: NDArray[np.uint8], batch: int = 100) -> None:
        self._batches: Iterator[NDArray[np.uint8]] = (
            images[start : start + batch] for start in range(0, len(images), batch)
        )

    def get_next(self) -> dict[str, Any] | None:
        images = next(self._batches, None)
        return None if images is None else {INPUT: images}
