"""The networks by name. Each takes float images [N, 1, H, W], about zero mean and unit spread, and gives logits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.errors import UnknownName


def cnn(classes: int) -> nn.Module:
    """Two wide convolutions and a dense layer: 1.2 M parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, classes),
    )  # fmt: skip


def small(classes: int) -> nn.Module:
    """Two narrow 5x5 convolutions and a dense layer: 22 k parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(320, 50), nn.ReLU(), nn.Linear(50, classes),
    )  # fmt: skip


def small_dropout(classes: int) -> nn.Module:
    """`small` with dropout, as little as a net this narrow can afford: at one half it stays below 99 %."""
    return nn.Sequential(
        nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(10, 20, 5), nn.Dropout2d(0.1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(320, 50), nn.ReLU(), nn.Dropout(0.25), nn.Linear(50, classes),
    )  # fmt: skip


def _dense(widths: list[int]) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def mlp3(classes: int) -> nn.Module:
    """Three dense layers, 512 wide."""
    return _dense([784, 512, 512, classes])


def mlp5(classes: int) -> nn.Module:
    """Five dense layers, 512 wide."""
    return _dense([784, 512, 512, 512, 512, classes])


def lenet5(classes: int) -> nn.Module:
    """LeNet-5 in its 20/50/500 form."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, classes),
    )  # fmt: skip


def _block(inputs: int, outputs: int, stride: int | tuple[int, int] = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


class WholeMap(nn.Conv2d):
    """A depthwise convolution whose kernel covers the whole map, and so is a weighted sum of it.

    Training it as a sum takes a tenth of the time; published it stays a convolution, which engines are fast at.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__(channels, channels, side, groups=channels, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        if not self.training:
            return super().forward(maps)
        # The channels last, as they lie in memory.
        weights = self.weight[:, 0].permute(1, 2, 0).to(maps.dtype).contiguous()
        return (maps.permute(0, 2, 3, 1) * weights).sum((1, 2))[:, :, None, None]


def ink(classes: int) -> nn.Module:
    """Ours. The stem halves the image at once, so that no layer works, or stores, at full size.

    Each last map is summed up by weights of its own: where a stroke lies tells a digit as much as that it is there.
    """
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, 2, padding=2, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True),
        *_block(32, 48), *_block(48, 64, stride=2), *_block(64, 96), *_block(96, 96),
        WholeMap(96, 7), nn.BatchNorm2d(96), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Dropout(0.1), nn.Linear(96, classes),
    )  # fmt: skip


class Frames(nn.Module):
    """Turns maps of one row, [N, C, 1, T], into a sequence of T frames, [N, T, C]."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.squeeze(2).transpose(1, 2)


def _along_line(channels: int) -> list[nn.Module]:
    """A convolution along the line: each place sees its neighbours to the left and right."""
    convolution = nn.Conv2d(channels, channels, (1, 7), padding=(0, 3), bias=False)
    return [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.Dropout(0.1)]


def lines(classes: int) -> nn.Module:
    """Ours for whole numbers: a line 48 pixels high to logits [N, W / 2, classes], for every second column.

    The height is halved three times and then summed up, the width but once, since a 1 beside a 1 needs places of its
    own. A place sees about a digit to either side and no further, so that it cannot learn which numbers people write.
    """
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, 2, padding=2, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True),
        *_block(32, 32), *_block(32, 48, (2, 1)), *_block(48, 64), *_block(64, 80, (2, 1)), *_block(80, 80),
        nn.Conv2d(80, 96, (6, 1), bias=False), nn.BatchNorm2d(96), nn.ReLU(inplace=True), nn.Dropout(0.1),
        *_along_line(96), *_along_line(96),
        nn.Conv2d(96, classes, 1), Frames(),
    )  # fmt: skip


NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "cnn": cnn, "small": small, "small-dropout": small_dropout,
    "mlp3": mlp3, "mlp5": mlp5, "lenet5": lenet5, "ink": ink,
}  # fmt: skip


LINE_NETWORKS: dict[str, Callable[[int], nn.Module]] = {"lines": lines}


class Reader(nn.Module):
    """A network together with its normalisation: takes uint8 images, [N, 28, 28] or lines, and returns logits."""

    mean: Tensor
    deviation: Tensor
    temperature: Tensor

    def __init__(self, network: str, classes: int, mean: float, deviation: float) -> None:
        super().__init__()
        makers = NETWORKS | LINE_NETWORKS
        if network not in makers:
            raise UnknownName("network", network, makers)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))
        self.register_buffer("temperature", torch.tensor(1.0))
        self.name, self.classes = network, classes
        self.network = makers[network](classes)

    def normalised(self, images: Tensor) -> Tensor:
        return ((images.to(torch.float32) / 255 - self.mean) / self.deviation).unsqueeze(1)

    def forward(self, images: Tensor) -> Tensor:
        return self.network(self.normalised(images)) / self.temperature

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # Weights that were saved before there was calibration are those of an uncalibrated reader.
        state_dict.setdefault(f"{prefix}temperature", torch.tensor(1.0))
        super()._load_from_state_dict(state_dict, prefix, *rest)
