"""The least certain images of each shard, kept for the report as plain arrays, which cannot execute code on loading."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.labeling.run_folder import KEPT
from pipelines.labeling.sources import Sources

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


def thumbnails(
    images: NDArray[np.uint8], values: list[str | None], sure: NDArray[np.float32], sources: list[str]
) -> bytes:
    texts = {"values": [value or "-" for value in values], "sources": sources}
    return _packed(images=images, sure=sure, **{name: np.array(some, str) for name, some in texts.items()})


def without(content: bytes, sources: Sources) -> bytes:
    """The rest, if those of these sources are taken out."""
    held = np.load(io.BytesIO(content))
    stay = np.array([source not in sources for source in held["sources"].tolist()], np.bool_)
    return _packed(**{name: held[name][stay] for name in held.files})


def _packed(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def unpacked(kept: Iterable[bytes]) -> Iterator[Thumbnail]:
    for content in kept:
        held = np.load(io.BytesIO(content))
        for image, value, sure in zip(held["images"], held["values"], held["sure"].tolist(), strict=True):
            yield Thumbnail(sure, image, f"{value}, {sure * 100:.1f} %")


def least_certain(found: Iterable[Thumbnail]) -> list[Thumbnail]:
    """As many as are shown; of two as certain as each other the first comes first."""
    return sorted(found, key=lambda one: one.sure)[:SHOWN]
