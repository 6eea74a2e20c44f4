"""Rows in a Delta Lake table by days; positions lie beside it, and become valid with the commit that names them.

The number of the commit is the version of a transaction of one application, which Delta keeps with the table. A
driver whose table is not the newest cannot commit, since another transaction of the same application came between.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.schema import Schema
from deltalake.transaction import AddAction, CommitProperties, Transaction

from pipelines.errors import DataError, InkrayError, UsageError, first_line
from pipelines.files.locks import HeldByAnother
from pipelines.files.places import open_storage
from pipelines.labeling.rows import encode
from pipelines.streaming.sink import STREAM_COLUMNS, SupersededError
from pipelines.streaming.sinks.journal import PositionJournal
from pipelines.streaming.sinks.upkeep import DAY, Upkeep
from pipelines.streaming.sinks.wide import WideTables
from pipelines.streaming.source import Positions

ROWS, LOCK = "rows", ".work/lock"
APPLICATION = "inkray-stream"
CONFIGURATION = {
    "delta.logRetentionDuration": "interval 1 days",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
    "delta.checkpointInterval": "100",
}
LOT = 1 << 20
"""Numbers of commits rise by this, and have a random rest, so that two drivers never write a file by one name."""


class DeltaSink:
    def __init__(self, output: str, schema: pa.Schema, upkeep: Upkeep, fields: Sequence[str] = ()) -> None:
        self._storage = open_storage(output)
        self.shown = self._storage.shown
        self._schema = pa.schema([*schema, *STREAM_COLUMNS])
        self._journal = PositionJournal(self._storage)
        self._upkeep = upkeep
        self._wide = WideTables(self._storage, ROWS, fields) if fields else None
        self._held = ExitStack()
        self._table: Any = None
        self._number = 0
        self._day = ""
        """That of the last commit."""
        self._pending: int | None = None
        """The number of a commit of which it is not known whether it was taken."""

    def try_to_lead(self) -> Positions | None:
        with ExitStack() as held, self._outages_told():
            try:
                held.enter_context(self._storage.locked(LOCK))
            except HeldByAnother:
                return None
            self._table = self._opened()
            before = self._table.transaction_version(APPLICATION)
            self._journal.load(before)
            self._number = self._after(before or 0)
            self._journal.write_all(self._number)
            self._write([], self._number)
            self._journal.taken(self._number, {}, ())
            self._held = held.pop_all()
            if self._wide:
                self._wide.start(self._table)
        return self._journal.positions

    def commit(self, rows: pa.Table, done: Positions, forgotten: Collection[str]) -> None:
        self._check_held()
        with self._outages_told():
            if not self._was_taken():
                self._pending = self._after(self._number)
                self._journal.write(self._pending, done, forgotten)
                self._write(self._files(rows, self._pending), self._pending)
            assert self._pending is not None
            self._journal.taken(self._pending, done, forgotten)
            if self._wide and len(rows):
                self._wide.changed(self._day)
            self._number, self._pending = self._pending, None

    def tidy(self) -> None:
        if self._upkeep.due():
            self._check_held()
            with self._outages_told():
                self._upkeep.do(self._table)

    def close(self) -> None:
        if self._wide:
            self._wide.close()
        self._held.close()

    def _opened(self) -> DeltaTable:
        where, options = self._storage.for_tables(ROWS)
        schema = pa.schema([*self._schema, pa.field(DAY, pa.string())])
        if not DeltaTable.is_deltatable(where, options):
            if self._storage.names(ROWS):
                raise UsageError(f"{self.shown}/{ROWS} holds files that are no table of a stream; name another output.")
            return DeltaTable.create(
                where,
                Schema.from_arrow(schema),
                mode="error",
                partition_by=[DAY],
                configuration=CONFIGURATION,
                storage_options=options,
            )
        table = DeltaTable(where, storage_options=options)
        if table.schema() != Schema.from_arrow(schema):
            raise UsageError(f"The table in {self.shown}/{ROWS} has other columns; name another output.")
        return table

    @staticmethod
    def _after(number: int) -> int:
        return (number // LOT + 1) * LOT + secrets.randbelow(LOT)

    def _files(self, rows: pa.Table, number: int) -> list[AddAction]:
        if not len(rows):
            return []
        day = self._day = datetime.now(UTC).date().isoformat()
        name, content = f"{DAY}={day}/{number:020d}.parquet", encode(rows, "parquet")
        self._storage.put(f"{ROWS}/{name}", content)
        stats = json.dumps({"numRecords": len(rows)})
        return [AddAction(name, len(content), {DAY: day}, int(time.time() * 1000), True, stats)]

    def _write(self, files: list[AddAction], number: int) -> None:
        """Commit; what others did to the table meanwhile, such as merging files, is no reason to give up."""
        while True:
            try:
                self._table.create_write_transaction(
                    files,
                    mode="append",
                    schema=self._table.schema(),
                    partition_by=[DAY],
                    # A library that tries again by itself would not see who leads now.
                    commit_properties=CommitProperties(
                        max_commit_retries=0, app_transactions=[Transaction(APPLICATION, number)]
                    ),
                )
            except CommitFailedError:
                if self._overtaken(number):
                    continue
            self._table.update_incremental()
            return

    def _overtaken(self, number: int) -> bool:
        """Whether the commit was not taken, and none of another driver came between."""
        before = self._table.transaction_version(APPLICATION)
        version = self._table.version()
        self._table.update_incremental()
        now = self._table.transaction_version(APPLICATION)
        if now not in (before, number):
            raise SupersededError(f"Another process writes the rows in {self.shown} now; leave them to that one.")
        if now == before and self._table.version() == version:
            raise DataError(f"The table in {self.shown}/{ROWS} takes no commit.")
        return now != number

    def _was_taken(self) -> bool:
        """Whether the commit whose answer was lost is in the table after all."""
        if self._pending is None:
            return False
        self._table.update_incremental()
        now = self._table.transaction_version(APPLICATION)
        if now not in (self._number, self._pending):
            raise SupersededError(f"Another process writes the rows in {self.shown} now; leave them to that one.")
        return now == self._pending

    def _check_held(self) -> None:
        try:
            self._storage.check_locked()
        except InkrayError as error:
            raise SupersededError(str(error)) from error

    @contextmanager
    def _outages_told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, DeltaError) as error:
            raise DataError(f"The rows in {self.shown} cannot be written: {first_line(error)}.") from error
        except InkrayError as error:
            # What an object store says when it does not answer; errors that are meant to end the driver have a kind.
            if type(error) is not InkrayError:
                raise
            raise DataError(str(error)) from error
