"""Image files, one digit in each."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from pyarrow import fs

from pipelines.files.paths import printable
from pipelines.files.reading import read_file
from pipelines.files.remote import File, Location, fingerprint, of_kind
from pipelines.labeling.inputs.base import (
    ALL,
    FILES_PER_SHARD,
    FoundInput,
    Input,
    Items,
    ReadTask,
    bytes_or_reason,
    cut,
    decoded,
)

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})


class ImageFiles(Input[Items]):
    kind = "images"

    def __init__(self, filesystem: fs.FileSystem, prefix: str) -> None:
        self._filesystem, self._prefix = filesystem, prefix

    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[Items]:
        if task.first in pending:
            files: list[File] = task.payload[only]
            contents = (bytes_or_reason(read_file(self._filesystem, file)) for file in files)
            sources = [printable(self._prefix + file.path) for file in files]
            yield decoded(task.first, sources, np.zeros(len(files), np.int64), contents)

    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        return printable(self._prefix + task.payload[index].path), 0


def find_image_files(where: Location, files: list[File]) -> FoundInput:
    pictures = of_kind(files, SUFFIXES)
    tasks, start = [], 0
    for number, size in enumerate(cut(len(pictures), FILES_PER_SHARD)):
        tasks.append(ReadTask(number, (size,), pictures[start : start + size]))
        start += size
    other = len(files) - len(pictures)
    remarks = (f"{other:,} files are no images by their names and are left out",) if other else ()
    return FoundInput(
        ImageFiles(where.filesystem, where.prefix), tasks, fingerprint("images", pictures, FILES_PER_SHARD), remarks
    )
