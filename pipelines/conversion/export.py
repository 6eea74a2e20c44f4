"""A trained reader as one ONNX graph: uint8 `images` in, float32 `probabilities` out.

Images of digits are [N, 28, 28] and give [N, classes]; lines are [N, 48, W] and give [N, W / 2, classes].
"""

from __future__ import annotations

import logging
from typing import cast

import onnx
import torch

from pipelines.networks.architectures import LINE_NETWORKS, Reader
from pipelines.networks.folding import Readout, folded
from pipelines.strings.line import HEIGHT

OPSET = 20
INPUT, OUTPUT = "images", "probabilities"


def export(reader: Reader) -> bytes:
    """The reader as ONNX; the same reader gives the same bytes."""
    readout = Readout(folded(reader)).eval()
    # The exporter takes a dimension that is 1 in its sample for a constant, so the sample has two images.
    lines = reader.name in LINE_NETWORKS
    sample = (
        torch.zeros(2, HEIGHT, 2 * HEIGHT, dtype=torch.uint8) if lines else torch.zeros(2, 28, 28, dtype=torch.uint8)
    )
    free = {0: torch.export.Dim("N", min=1)} | ({2: torch.export.Dim("W", min=2)} if lines else {})
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(
        readout,
        (sample,),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=(free,),
        verbose=False,
    )
    return serialize(_cleaned(cast(torch.onnx.ONNXProgram, program).model_proto))


def serialize(model: onnx.ModelProto) -> bytes:
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _cleaned(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model's bytes without the exporter's notes: they contain stack traces with the exporting machine's paths."""
    del model.metadata_props[:]
    model.doc_string = ""
    model.graph.doc_string = ""
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.value_info, *model.functions):
        part.doc_string = ""
        del part.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
    model.producer_version = ""
    return model
