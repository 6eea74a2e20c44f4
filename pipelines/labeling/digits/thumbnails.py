"""The least certain images of each shard, kept for the report as plain arrays, which cannot execute code on loading."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from pipelines.labeling.run_folder import KEPT, LabelingRunFolder

GALLERY = 6
"""Images kept per shard."""


def thumbnails_name(shard: int, start: int) -> str:
    return f"{KEPT}/{shard:06d}-{start}.npz"


def thumbnails(images: NDArray[np.uint8], values: list[str | None], sure: NDArray[np.float32]) -> bytes:
    content = io.BytesIO()
    np.savez(content, images=images, values=np.array([value or "-" for value in values], str), sure=sure)
    return content.getvalue()


def least_certain(folder: LabelingRunFolder, shown: int) -> tuple[NDArray[np.uint8], list[str]]:
    """The least certain images of the run with their captions, merged from those of all shards."""
    found: list[tuple[float, NDArray[np.uint8], str]] = []
    for content in folder.kept(".npz"):
        kept = np.load(io.BytesIO(content))
        for image, value, sure in zip(kept["images"], kept["values"], kept["sure"].tolist(), strict=True):
            found.append((sure, image, f"{value}, {sure * 100:.1f} %"))
    found = sorted(found, key=lambda one: one[0])[:shown]
    return np.array([image for _, image, _ in found]), [caption for _, _, caption in found]
