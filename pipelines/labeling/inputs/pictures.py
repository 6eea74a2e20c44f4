"""Image files, one digit in each."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from pyarrow import fs

from pipelines.labeling.inputs.base import ALL, FILES_IN_PART, Found, Input, Items, Stretch, cut, decoded
from pipelines.labeling.inputs.places import File, Where, fingerprint, of_kind, read_file

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})


class Pictures(Input[Items]):
    kind = "images"

    def __init__(self, filesystem: fs.FileSystem, prefix: str) -> None:
        self._filesystem, self._prefix = filesystem, prefix

    def read(self, stretch: Stretch, wanted: Collection[int], only: slice = ALL) -> Iterator[Items]:
        if stretch.first in wanted:
            paths: list[str] = stretch.what[only]
            files = (read_file(self._filesystem, path) for path in paths)
            sources = [self._prefix + path for path in paths]
            yield decoded(stretch.first, sources, np.zeros(len(paths), np.int64), files)

    def name(self, stretch: Stretch, part: int, index: int) -> tuple[str, int]:
        return self._prefix + stretch.what[index], 0


def find_pictures(where: Where, files: list[File]) -> Found:
    pictures = of_kind(files, SUFFIXES)
    stretches, start = [], 0
    for number, size in enumerate(cut(len(pictures), FILES_IN_PART)):
        stretches.append(Stretch(number, (size,), [file.path for file in pictures[start : start + size]]))
        start += size
    other = len(files) - len(pictures)
    remarks = (f"{other:,} files are no images by their names and are left out",) if other else ()
    return Found(
        Pictures(where.filesystem, where.prefix), stretches, fingerprint("images", pictures, FILES_IN_PART), remarks
    )
