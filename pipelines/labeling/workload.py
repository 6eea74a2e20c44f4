"""What a run asks of the kind of work it does; all else (shards, Ray, kills, folders) is the same for every kind."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa

from pipelines.errors import StoreError
from pipelines.inference.outcome import Status
from pipelines.inference.recognizer import Recognizer
from pipelines.labeling.capacity import Needs
from pipelines.labeling.inputs.base import Shard
from pipelines.labeling.pace import pace
from pipelines.labeling.rows import SCHEMA
from pipelines.labeling.run_folder import LabelingRunFolder
from pipelines.labeling.summary import Tally

P = TypeVar("P", bound=Shard)


@dataclass(frozen=True)
class ReaderConfig:
    """How the actors read: which model, on what, and from which confidence on a reading needs no second look."""

    model: str
    digest: str
    """Of the model's files, as the driver found them."""
    store: str
    engine: str
    precision: str
    threads: int
    accept_above: float

    def recognizer(self) -> Recognizer:
        recognizer = Recognizer(self.model, self.engine, self.precision, self.threads, self.store)
        try:
            self.check_same(self.model, self.digest, recognizer.digest)
        except StoreError:
            recognizer.close()
            raise
        return recognizer

    def check_same(self, model: str, expected: str, found: str) -> None:
        if found != expected:
            raise StoreError(
                f"{model} in the store {self.store} is another model on {os.uname().nodename} than where this run "
                "was started; name a store that every node sees.",
                option="store",
            )


@dataclass(frozen=True)
class LabelledShard:
    """What becomes of a shard."""

    rows: pa.Table
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What is kept beside the rows, by its path in the folder of the run."""


class Labeler(Protocol[P]):  # type: ignore[misc]
    """Lives in an actor and holds a Recognizer."""

    def label(self, shard: P, start: int = 0) -> LabelledShard:
        """The items of a shard, or those of them from number `start` on that were read."""
        ...


class Workload(ABC, Generic[P]):
    """Small, and sent to every task and actor."""

    name: str
    items: str
    """What the items are called: items, pages."""
    results = "rows and report.html"
    """What a run leaves in its folder."""
    number: str
    """The column that tells which item of its source a row belongs to."""
    schema: pa.Schema = SCHEMA
    needs: Needs = Needs()

    def identity(self) -> dict[str, Any]:
        """What the rows depend on beside input and model."""
        return {}

    @abstractmethod
    def to_block(self, shard: P) -> pa.Table:
        """A shard on its way from a task to an actor."""

    @abstractmethod
    def from_block(self, block: pa.Table) -> Iterator[P]:
        """The shards in a block, since Ray may put several into one; it never cuts one."""

    @abstractmethod
    def labeler(self, reader: ReaderConfig) -> Labeler[P]: ...

    def finalize(self, folder: LabelingRunFolder) -> None:
        """What can only be told when all shards are there; done again if the run is ended in the middle of it."""

    @abstractmethod
    def tally(self, folder: LabelingRunFolder) -> Tally: ...

    @abstractmethod
    def report(self, folder: LabelingRunFolder, summary: dict[str, Any], tally: Any) -> str: ...

    def summary_line(self, summary: dict[str, Any]) -> str:
        """A run in one line."""
        return f"{summary['items']:,} {self.items}: {self.counts_line(summary)}"

    def counts_line(self, summary: dict[str, Any]) -> str:
        status = summary["status"]
        return (
            f"{status.get(Status.OK, 0):,} ok, {status.get(Status.REVIEW, 0):,} to review, "
            f"{status.get(Status.ERROR, 0):,} errors; "
            f"{pace(summary[f'{self.items}_per_second'])} a second on {', '.join(summary['engines'])}"
        )
