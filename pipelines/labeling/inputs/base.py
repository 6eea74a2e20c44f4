"""The contract of every input: its items in a fixed order, cut into shards that are always the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.errors import InkrayError, UsageError
from pipelines.files.reading import Unread
from pipelines.images import SIDE, decode, to_model_input
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.inputs.kept_columns import NO_COLUMNS

KIND = "kind of the input"
ROWS_PER_SHARD = 16_384
FILES_PER_SHARD = 2_000
HELD = 64 << 20
"""Maximum bytes of pictures held in full size: a shard may have thousands, and each may be a photo."""


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
        """The number of items of the task before this shard."""
        return sum(self.sizes[: shard - self.first])


@dataclass(frozen=True)
class Items:
    """A shard that was read: for every item an image as the model takes it, or the reason why there is none."""

    shard: int
    sources: str | Sequence[str]
    """The source of each item, or a single source that all share."""
    numbers: NDArray[np.int64]
    """The number of each item within its source."""
    images: NDArray[np.uint8]
    reasons: Sequence[Reason | None] | None = None
    """The reason of each item that could not be read; None if all could."""
    kept: pa.Table | None = None
    """The columns of the input that are kept, with a row for each item."""

    def __len__(self) -> int:
        return len(self.numbers)


class Shard(Protocol):
    """A shard as a task has read it, of any kind of items."""

    @property
    def shard(self) -> int: ...

    def __len__(self) -> int: ...


P = TypeVar("P", bound=Shard, covariant=True)


class Input(ABC, Generic[P]):
    """A place with items. It is small, since every read task gets a copy; what to read is in the tasks."""

    kind: str

    @abstractmethod
    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[P]:
        """Read the pending shards of a task in order, and of each only the items of the slice `only`."""

    @abstractmethod
    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        """The source of an item and its number there, without reading it."""

    def kept(self, task: ReadTask, shard: int, index: int) -> pa.Table | None:
        """The columns of the input that are kept of an item, without reading it."""
        return None


@dataclass(frozen=True)
class FoundInput:
    """An input, the tasks that read it, and the fingerprint of its files."""

    input: Input[Any]
    tasks: list[ReadTask]
    fingerprint: str
    remarks: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return sum(sum(task.sizes) for task in self.tasks)

    def beginning_at(self, shard: int) -> FoundInput:
        """The same, with this as its first shard."""
        return replace(self, tasks=[replace(task, first=task.first + shard) for task in self.tasks])


class Kept(Protocol):
    """Where a run keeps what its tasks and its later starts need to know of the input."""

    def put(self, name: str, content: bytes) -> None: ...

    def get(self, name: str) -> bytes | None: ...


T = TypeVar("T")
R = TypeVar("R")


class Spread(Protocol):
    """Does a piece of work for each of many things, at once wherever there is room; results come in order."""

    def __call__(self, do: Callable[[T], R], things: Iterable[T], /) -> Iterator[R]: ...


class ListedInput(ABC):
    """An input whose files are known, though not yet all that is in them."""

    preparation: str | None = None
    """What `found` is busy with, if that takes long."""
    columns: pa.Schema = NO_COLUMNS
    """The columns of the input that are kept in the rows."""

    @property
    def module(self) -> str:
        """The module that the tasks import."""
        return type(self).__module__

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A digest of the files and of how they are cut."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, object]:
        """How it is read, whatever its files are."""

    @abstractmethod
    def found(self, kept: Kept, spread: Spread) -> FoundInput:
        """Cut the items into tasks; what that takes is spread, and kept for the next start of the run."""


@dataclass(frozen=True)
class Ready(ListedInput):
    """An input whose items were counted as it was listed."""

    already: FoundInput

    @property
    def module(self) -> str:
        return type(self.already.input).__module__

    @property
    def fingerprint(self) -> str:
        return self.already.fingerprint

    @property
    def settings(self) -> dict[str, object]:
        return {KIND: self.already.input.kind}

    def found(self, kept: Kept, spread: Spread) -> FoundInput:
        return self.already


NOTHING = {
    "parquet": "its parquet has no rows",
    "idx": "its header declares 0 images",
    "zip": "there are no images (png, jpeg, tiff, bmp, webp) in the zip file",
    "tar": "there are no images (png, jpeg, tiff, bmp, webp) in the tar file",
}


def not_empty(found: FoundInput, shown: str) -> FoundInput:
    if not found.count:
        raise UsageError(f"{shown} holds nothing to label: {NOTHING[found.input.kind]}.")
    return found


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


def unread(shard: int, sources: str | Sequence[str], numbers: NDArray[np.int64], reason: Reason) -> Items:
    """Items that have one reason in common why there are no images."""
    return Items(shard, sources, numbers, np.zeros((len(numbers), SIDE, SIDE), np.uint8), [reason] * len(numbers))


def _opened(content: bytes | Reason) -> tuple[NDArray[np.uint8], Reason | None]:
    if isinstance(content, Reason):
        return EMPTY, content
    try:
        return decode(content, "it", alone=True), None
    except InkrayError as error:
        return EMPTY, unreadable(str(error).removeprefix("it: ").rstrip("."))


def unreadable(text: str) -> Reason:
    return Reason(ReasonCode.UNREADABLE_FILE, text)


def reason_of(unread: Unread) -> Reason:
    return Reason(ReasonCode.CHANGED_WHILE_READ if unread.changed else ReasonCode.UNREADABLE_FILE, unread.text)


def bytes_or_reason(content: bytes | Unread) -> bytes | Reason:
    return reason_of(content) if isinstance(content, Unread) else content
