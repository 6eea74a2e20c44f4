"""The least certain images of each shard, kept for the report as plain arrays, which cannot execute code on loading."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.labeling.run_folder import KEPT

GALLERY = 6
"""Images kept per shard."""
SHOWN = 48
"""Images in the report."""


class Thumbnail(NamedTuple):
    sure: float
    image: NDArray[np.uint8]
    caption: str


def thumbnails_name(shard: int, start: int) -> str:
    return f"{KEPT}/{shard:06d}-{start}.npz"


def thumbnails(images: NDArray[np.uint8], values: list[str | None], sure: NDArray[np.float32]) -> bytes:
    content = io.BytesIO()
    np.savez(content, images=images, values=np.array([value or "-" for value in values], str), sure=sure)
    return content.getvalue()


def unpacked(kept: Iterable[bytes]) -> Iterator[Thumbnail]:
    for content in kept:
        held = np.load(io.BytesIO(content))
        for image, value, sure in zip(held["images"], held["values"], held["sure"].tolist(), strict=True):
            yield Thumbnail(sure, image, f"{value}, {sure * 100:.1f} %")


def least_certain(found: Iterable[Thumbnail]) -> list[Thumbnail]:
    """As many as are shown; of two as certain as each other the first comes first."""
    return sorted(found, key=lambda one: one.sure)[:SHOWN]
