"""What a workload must provide; all else (shards, Ray, recovery, folders) is the same for every workload."""

from __future__ import annotations

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar

import pyarrow as pa

from pipelines.errors import StoreError
from pipelines.inference.outcome import Status
from pipelines.inference.recognizer import Recognizer
from pipelines.inference.second_opinion import Asked
from pipelines.labeling.capacity import Needs
from pipelines.labeling.inputs.base import Shard, Spread
from pipelines.labeling.inputs.kept_columns import NO_COLUMNS
from pipelines.labeling.pace import pace
from pipelines.labeling.rows import SCHEMA
from pipelines.labeling.run_folder import Group, LabelingRunFolder
from pipelines.labeling.sources import Sources
from pipelines.labeling.summary import Tally

P = TypeVar("P", bound=Shard)


@dataclass(frozen=True)
class ReaderConfig:
    """How the actors read: the model, the engine, and the confidence above which a reading needs no second look."""

    model: str
    digest: str
    """Digest of the model's files, as the driver found them."""
    store: str
    engine: str
    precision: str
    threads: int
    accept_above: float

    def recognizer(self, second_opinion: Asked = "never") -> Recognizer:
        recognizer = Recognizer(
            self.model, self.engine, self.precision, self.threads, self.store, second_opinion=second_opinion
        )
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
    """The rows of a shard, and the files that belong to them."""

    rows: pa.Table
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Contents of files to keep beside the rows, by their paths in the folder of the run."""


class Labeler(Protocol[P]):  # type: ignore[misc]
    """Lives in an actor and holds a Recognizer."""

    def label(self, shard: P, start: int = 0) -> LabelledShard:
        """Label a shard, or the part of it that begins at item `start`."""
        ...


class Workload(ABC, Generic[P]):
    """A kind of labelling. It is small, since every task and actor gets a copy."""

    name: str
    items: str
    """Plural noun for the items: items or pages."""
    results = "rows and report.html"
    """The results of a run, as its last line names them."""
    number: str
    """The column with the number of the item within its source."""
    schema: pa.Schema = SCHEMA
    columns: pa.Schema = NO_COLUMNS
    """The columns of the input that are kept, which are the last ones of the schema."""
    needs: Needs = Needs()

    @property
    def names(self) -> Collection[str]:
        """The names that a result has already."""
        return self.schema.names

    def keeping(self, columns: pa.Schema) -> Self:
        """The same workload, whose rows have these columns of the input as well."""
        kept = copy.copy(self)
        kept.columns, kept.schema = columns, pa.schema([*self.schema, *columns])
        return kept

    def identity(self) -> dict[str, Any]:
        """What the rows depend on besides input and model."""
        return {}

    @abstractmethod
    def to_block(self, shard: P) -> pa.Table:
        """Encode a shard for the way from a task to an actor."""

    @abstractmethod
    def from_block(self, block: pa.Table) -> Iterator[P]:
        """Decode the shards of a block: Ray may merge several into one, but never splits one."""

    @abstractmethod
    def labeler(self, reader: ReaderConfig) -> Labeler[P]: ...

    def finalize(self, folder: LabelingRunFolder, spread: Spread) -> None:
        """Do what needs all shards; repeated from the start if the run is ended in the middle of it."""

    def items_in(self, rows: pa.Table) -> int:
        """How many items have these rows."""
        return len(rows)

    @abstractmethod
    def without(self, kept: bytes, sources: Sources) -> tuple[bytes, list[str]]:
        """What was kept of a shard, less that of these sources, and what the pictures of these are called."""

    @abstractmethod
    def tally(self, folder: LabelingRunFolder, group: Group) -> Tally:
        """The counts of a group of shards, and what the report shows of them; merged with those of the others."""

    @abstractmethod
    def report(self, folder: LabelingRunFolder, summary: dict[str, Any], tally: Any) -> str: ...

    def summary_line(self, summary: dict[str, Any]) -> str:
        """The summary of a run in one line."""
        return f"{summary['items']:,} {self.items}: {self.counts_line(summary)}"

    def counts_line(self, summary: dict[str, Any]) -> str:
        status = summary["status"]
        return (
            f"{status.get(Status.OK, 0):,} ok, {status.get(Status.REVIEW, 0):,} to review, "
            f"{status.get(Status.ERROR, 0):,} errors; "
            f"{pace(summary[f'{self.items}_per_second'])} a second on {', '.join(summary['engines'])}"
        )
