"""Lines of many widths, made into one batch only when they are needed together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Picture = NDArray[np.uint8]

STEP = 16
"""Widths of batches are multiples of this, so that memory is allocated in few sizes."""
NEAR = 16
"""Batches' worth of lines among which those of about one width are put together."""


class Ragged:
    def __init__(self, pictures: Sequence[Picture], device: torch.device | str = "cpu") -> None:
        """Each [height, W]; batches of them come to the device."""
        self._pictures, self._device = pictures, device
        self.widths = torch.tensor([picture.shape[1] for picture in pictures], dtype=torch.long)

    def __len__(self) -> int:
        return len(self._pictures)

    def every(self, step: int, first: int) -> Ragged:
        return Ragged(self._pictures[first::step], self._device)

    def in_order(self, order: Tensor) -> Ragged:
        return Ragged([self._pictures[number] for number in order.tolist()], self._device)

    def __getitem__(self, chosen: Tensor) -> Tensor:
        """The lines with these indices, uint8 [N, height, W], the shorter ones padded with background."""
        return _together([self._pictures[number] for number in chosen.tolist()]).to(self._device)

    def split(self, batch: int) -> Iterator[Tensor]:
        for start in range(0, len(self), batch):
            yield _together(self._pictures[start : start + batch]).to(self._device)


def _together(pictures: Sequence[Picture]) -> Tensor:
    width = -(-max(picture.shape[1] for picture in pictures) // STEP) * STEP
    batch = np.zeros((len(pictures), len(pictures[0]), width), np.uint8)
    for row, picture in zip(batch, pictures, strict=True):
        row[:, : picture.shape[1]] = picture
    return torch.from_numpy(batch)


def of_like_width(order: Tensor, widths: Tensor, batch: int, seed: int) -> Tensor:
    """The same indices reordered so that each batch holds lines of similar width; the batches stay in random order."""
    generator = torch.Generator().manual_seed(seed)
    full = len(order) // batch * batch
    parts = [some[widths[some].argsort(stable=True)] for some in order[:full].split(NEAR * batch)]
    batches = torch.cat([torch.empty(0, dtype=order.dtype), *parts]).view(-1, batch)
    return torch.cat([batches[torch.randperm(len(batches), generator=generator)].flatten(), order[full:]])


def at_once(images: Tensor | Ragged) -> int:
    """How many images are evaluated in one batch."""
    return 100 if isinstance(images, Ragged) else 1000
