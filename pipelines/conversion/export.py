"""A trained reader as one ONNX graph: uint8 `images` [N, 28, 28] in, float32 `probabilities` [N, classes] out."""

from __future__ import annotations

import logging
from typing import cast

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pipelines.networks import Reader

OPSET = 20
INPUT, OUTPUT = "images", "probabilities"


class Readout(nn.Module):
    """All that stands between the bytes and the answer, so that no two callers can disagree on it."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, images: Tensor) -> Tensor:
        return self.reader.network(self.reader.normalised(images)).softmax(1)


def export(reader: Reader) -> bytes:
    """The same reader gives the same bytes."""
    readout = Readout(_folded(reader)).eval()
    # The exporter takes a dimension that is 1 in its sample for a constant, so the sample has two images.
    sample = torch.zeros(2, 28, 28, dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(
        readout,
        (sample,),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
        verbose=False,
    )
    return serialize(_cleaned(cast(torch.onnx.ONNXProgram, program).model_proto))


def serialize(model: onnx.ModelProto) -> bytes:
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _folded(reader: Reader) -> Reader:
    """With each batch norm folded into the convolution before it, and the temperature into the last layer: less to
    compute, and less to round."""
    copy = Reader(reader.name, reader.classes, float(reader.mean), float(reader.deviation))
    copy.load_state_dict(reader.state_dict())
    copy.eval()
    layers = list(cast(nn.Sequential, copy.network))
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d) and folded and isinstance(folded[-1], nn.Conv2d):
            folded[-1] = fuse_conv_bn_eval(folded[-1], layer)
        else:
            folded.append(layer)
    copy.network = nn.Sequential(*folded)
    _cool(cast(nn.Linear, folded[-1]), copy)
    return copy


@torch.no_grad()
def _cool(last: nn.Linear, reader: Reader) -> None:
    last.weight.div_(reader.temperature)
    last.bias.div_(reader.temperature)
    reader.temperature.fill_(1.0)


def _cleaned(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes, which hold stack traces and so the paths of the machine that exported it."""
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
