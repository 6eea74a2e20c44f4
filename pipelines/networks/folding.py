"""A reader in its published form: batch norm and temperature folded into the layers, from bytes to probabilities."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pipelines.networks.architectures import Reader


class Readout(nn.Module):
    """Everything from the bytes to the probabilities, so that no two callers can disagree on it."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, images: Tensor) -> Tensor:
        return self.reader.network(self.reader.normalised(images)).softmax(-1)


def folded(reader: Reader) -> Reader:
    """Fold each batch norm into the convolution before it, and the temperature into the last layer: less to compute
    and less to round."""
    copy = Reader(reader.name, reader.classes, float(reader.mean), float(reader.deviation))
    copy.load_state_dict(reader.state_dict())
    copy.eval()
    layers = list(cast(nn.Sequential, copy.network))
    fewer: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d) and fewer and isinstance(fewer[-1], nn.Conv2d):
            fewer[-1] = fuse_conv_bn_eval(fewer[-1], layer)
        else:
            fewer.append(layer)
    copy.network = nn.Sequential(*fewer)
    _divide_by_temperature([layer for layer in fewer if isinstance(layer, nn.Linear | nn.Conv2d)][-1], copy)
    return copy


@torch.no_grad()
def _divide_by_temperature(last: nn.Linear | nn.Conv2d, reader: Reader) -> None:
    for weights in last.parameters():
        weights.div_(reader.temperature)
    reader.temperature.fill_(1.0)
