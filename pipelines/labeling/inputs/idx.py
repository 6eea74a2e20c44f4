"""Images in an IDX file, plain or gz."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyarrow import fs

from pipelines.corpora.idx import IdxContent, check_length, check_not_cut, header_size, read_shape, unpack
from pipelines.errors import DataError
from pipelines.files.reading import changed_since, open_stream
from pipelines.files.remote import File, Location, fingerprint
from pipelines.images import to_model_input
from pipelines.labeling.inputs.base import (
    ALL,
    ROWS_PER_SHARD,
    FoundInput,
    Input,
    Items,
    ReadTask,
    cut,
    reason_of,
    unread,
)

HEADER = header_size(dimensions=3)


class Idx(Input[Items]):
    kind = "idx"

    def __init__(self, filesystem: fs.FileSystem, file: File, shown: str) -> None:
        self._filesystem, self._file, self._shown = filesystem, file, shown

    def shape(self) -> tuple[int, int, int]:
        """From its header; the length of a plain file is held against it."""
        count, height, width = read_shape(self._content(HEADER), dimensions=3)
        if count and not height * width:
            raise DataError(f"{self._shown} says {count:,} images of {height} x {width}, which have no pixels.")
        return count, height, width

    def check(self, length: int) -> None:
        check_length(self._shown, self.shape(), length)

    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[Items]:
        changed = changed_since(self._filesystem, self._file)
        if changed and changed.changed:
            for shard in sorted(set(task.shards) & set(pending)):
                start = task.before(shard)
                numbers = np.arange(start, start + task.size(shard))[only]
                yield unread(shard, self._shown, numbers, reason_of(changed))
            return
        content, shape = self._content().data, self.shape()
        images: NDArray[Any] = np.frombuffer(content, np.uint8, offset=HEADER).reshape(shape)
        start = 0
        for shard, size in zip(task.shards, task.sizes, strict=True):
            if shard in pending:
                chosen = np.arange(start, start + size)[only]
                yield Items(shard, self._shown, chosen, to_model_input(images[chosen[0] : chosen[-1] + 1]))
            start += size

    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        return self._shown, task.before(shard) + index

    def length(self) -> int:
        return len(self._content().data) if self._is_packed else self._file.size

    @property
    def _is_packed(self) -> bool:
        return self._file.path.endswith(".gz")

    def _content(self, length: int | None = None) -> IdxContent:
        try:
            with open_stream(self._filesystem, self._file.path) as stream:
                head = stream.read(length) if length and not self._is_packed else stream.read()
        except OSError as error:
            raise DataError(f"{self._shown} cannot be read: {error}.") from error
        content = unpack(head, self._shown)
        check_not_cut(content)
        return content


def find_idx(where: Location, file: File) -> FoundInput:
    idx = Idx(where.filesystem, file, where.shown)
    idx.check(idx.length())
    count, _, _ = idx.shape()
    sizes = cut(count, ROWS_PER_SHARD)
    tasks = [ReadTask(0, sizes, None)] if sizes else []
    return FoundInput(idx, tasks, fingerprint("idx", [file], ROWS_PER_SHARD))
