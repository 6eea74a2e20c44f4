"""What every input promises: its items in one order, cut into shards that are always the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import InkrayError
from pipelines.images import SIDE, decode, to_model_input
from pipelines.inference.outcome import Reason, ReasonCode

ROWS_PER_SHARD = 16_384
FILES_PER_SHARD = 2_000
HELD = 64 << 20
"""Bytes of pictures that are held in their full size: a shard may have thousands of them, and each be a photo."""


ALL = slice(None)
EMPTY = np.zeros((SIDE, SIDE), np.uint8)


@dataclass(frozen=True)
class ReadTask:
    """Consecutive shards that one task reads, since they are cheapest read together."""

    first: int
    sizes: tuple[int, ...]
    payload: Any

    @property
    def shards(self) -> range:
        return range(self.first, self.first + len(self.sizes))

    def size(self, shard: int) -> int:
        return self.sizes[shard - self.first]

    def before(self, shard: int) -> int:
        """How many of its items lie before this shard."""
        return sum(self.sizes[: shard - self.first])


@dataclass(frozen=True)
class Items:
    """One shard, read: an image in the model's form for every item, or the reason why there is none."""

    shard: int
    sources: str | Sequence[str]
    """Where each comes from; a single one where all come from the same."""
    numbers: NDArray[np.int64]
    """Which item of its source each is."""
    images: NDArray[np.uint8]
    reasons: Sequence[Reason | None] | None = None
    """None where all could be read."""

    def __len__(self) -> int:
        return len(self.numbers)


class Shard(Protocol):
    """A shard as a task has read it, of whatever kind its items are."""

    @property
    def shard(self) -> int: ...

    def __len__(self) -> int: ...


P = TypeVar("P", bound=Shard, covariant=True)


class Input(ABC, Generic[P]):
    """Small, and sent to every task that reads: what the tasks hold belongs to them."""

    kind: str

    @abstractmethod
    def read(self, task: ReadTask, wanted: Collection[int], only: slice = ALL) -> Iterator[P]:
        """The wanted shards of a task, in order; of each only those items, and no other is touched."""

    @abstractmethod
    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        """The source of an item and its number there, without reading it."""


@dataclass(frozen=True)
class FoundInput:
    """An input, how it is cut, and what tells it from every other."""

    input: Input[Any]
    tasks: list[ReadTask]
    fingerprint: str
    remarks: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return sum(sum(task.sizes) for task in self.tasks)


def cut(count: int, size: int) -> tuple[int, ...]:
    """`count` items in shards of `size`, the last one smaller."""
    return tuple(min(size, count - start) for start in range(0, count, size))


def decoded(
    shard: int, sources: str | Sequence[str], numbers: NDArray[np.int64], files: Iterator[bytes | Reason]
) -> Items:
    """Encoded images as items, each with its reason where there is no image."""
    images: list[NDArray[np.uint8]] = []
    reasons: list[Reason | None] = []
    held: list[NDArray[np.uint8]] = []
    size = 0
    for content in files:
        picture, reason = _opened(content)
        held.append(picture)
        reasons.append(reason)
        size += picture.nbytes
        if size > HELD:
            images.append(to_model_input(held))
            held, size = [], 0
    images.append(to_model_input(held))
    return Items(shard, sources, numbers, np.concatenate(images), reasons if any(reasons) else None)


def _opened(content: bytes | Reason) -> tuple[NDArray[np.uint8], Reason | None]:
    if isinstance(content, Reason):
        return EMPTY, content
    try:
        return decode(content, "it"), None
    except InkrayError as error:
        return EMPTY, unreadable(str(error).removeprefix("it: ").rstrip("."))


def unreadable(text: str) -> Reason:
    return Reason(ReasonCode.UNREADABLE_FILE, text)


def bytes_or_reason(content: bytes | str) -> bytes | Reason:
    """The content of a file; where `files.remote` could not read it, its words as a reason."""
    return unreadable(content) if isinstance(content, str) else content
