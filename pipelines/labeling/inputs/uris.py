"""Files that the rows of a parquet table name, by URIs or by paths beside the table."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from pipelines.errors import DataError, UsageError, first_line
from pipelines.files.paths import printable
from pipelines.files.reading import changed_since, open_anywhere, read_file
from pipelines.files.remote import UNKNOWN, File, Location, display_name, fingerprint, open_uri
from pipelines.files.s3_uri import of_s3
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.inputs import spool
from pipelines.labeling.inputs.base import Kept, bytes_or_reason, unreadable
from pipelines.labeling.inputs.footers import footers_of
from pipelines.labeling.inputs.kept_columns import NO_COLUMNS, check_kept, chosen_columns, taken
from pipelines.labeling.inputs.listing import Listing
from pipelines.labeling.inputs.sources import OnFilesystem

NULL = Reason(ReasonCode.MISSING_IMAGE, "the table names no file")
NAMES = "column of names"
NAMELESS = "\0"
"""Begins the path of a row that names no file, which no name can; the number of the row follows."""


class Rows(NamedTuple):
    """A piece of the list."""

    file: File
    group: int
    first: int
    """The number of the group's first row in the table."""
    start: int
    end: int
    """From where to where in the group."""


@dataclass(frozen=True)
class Table:
    """A table of names as it was listed, and which of its columns are read, the one with the names first."""

    source: OnFilesystem = field(compare=False)
    file: File
    columns: tuple[str, ...]


@dataclass(frozen=True)
class UriTables:
    """The rows of some tables, in pieces; none of them are held but for the row group that was asked for last."""

    source: OnFilesystem
    column: str
    pieces: tuple[Rows, ...]
    files: tuple[File, ...]
    columns: pa.Schema = NO_COLUMNS
    """Those that are kept."""

    @property
    def sizes(self) -> Sequence[int]:
        return [rows.end - rows.start for rows in self.pieces]

    @property
    def count(self) -> int:
        return sum(self.sizes)

    def piece(self, number: int, start: int = 0, end: int | None = None) -> list[File]:
        file, _, first, here, last = self.pieces[number]
        chosen = range(here, last)[start:end]
        names = self._rows(number, chosen)[self.column].cast(pa.large_string()).to_pylist()
        rows = range(first + chosen.start, first + chosen.stop)
        folder = posixpath.dirname(file.path)
        return [self._named(name, folder, file, row) for name, row in zip(names, rows, strict=True)]

    def columns_of(self, number: int, start: int = 0, end: int | None = None) -> pa.Table | None:
        if not self.columns.names:
            return None
        _, _, _, here, last = self.pieces[number]
        return taken(self._rows(number, range(here, last)[start:end]), self.columns)

    def _rows(self, number: int, chosen: range) -> pa.Table:
        file, group, *_ = self.pieces[number]
        names = tuple(dict.fromkeys([self.column, *self.columns.names]))
        return _row_group(Table(self.source, file, names), group)[chosen.start : chosen.stop]

    def _named(self, name: str | None, folder: str, table: File, row: int) -> File:
        if not name:
            return File(f"{NAMELESS}{row}{NAMELESS}{table.path}", UNKNOWN, 0)
        path = name if "://" in name else posixpath.join(folder, name)
        # An object store knows no "..", and a disk may have links in front of it.
        return File(path if "://" in name or self.source.is_local else posixpath.normpath(path), UNKNOWN, 0)

    def fingerprint(self, kind: str, *settings: object) -> str:
        return fingerprint(kind, self.files, self.column, spool.PIECE, *settings)

    def keep(self, kept: Kept, name: str) -> Listing:
        return self


def column_of(files: object) -> dict[str, object]:
    """The column that names the files, if one does."""
    return {NAMES: files.column} if isinstance(files, UriTables) else {}


@lru_cache(maxsize=1)
def _row_group(table: Table, group: int) -> pa.Table:
    """Kept from task to task, since a row group is only read as a whole, and may have the files of many tasks."""
    shown = table.source.name(table.file)
    if changed_since(table.source.filesystem, table.file):
        raise DataError(f"{shown} is not the table any more that the run listed; start the run afresh.")
    try:
        with open_anywhere(table.source.filesystem, table.file.path) as file:
            return pq.ParquetFile(file).read_row_group(group, columns=list(table.columns))
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{shown} cannot be read as parquet: {first_line(error)}.") from error


@dataclass(frozen=True)
class ByUri:
    """Files anywhere: by a path, where the table lies, or by a URI."""

    beside: OnFilesystem
    environment: Mapping[str, str] = field(default_factory=of_s3, repr=False)
    """What it says of object stores where the run was started."""

    @property
    def is_local(self) -> bool:
        # Wherever they lie, a URI may lead to where each waits for an answer.
        return False

    def name(self, file: File) -> str:
        if file.path.startswith(NAMELESS):
            _, row, table = file.path.split(NAMELESS)
            return f"{printable(self.beside.prefix + table)}#{row}"
        return display_name(file.path) if "://" in file.path else self.beside.name(file)

    def read(self, file: File) -> bytes | Reason:
        if file.path.startswith(NAMELESS):
            return NULL
        if "://" not in file.path:
            return self.beside.read(file)
        try:
            filesystem, path = self._resolved(file.path)
        except (OSError, ValueError, pa.ArrowException) as error:
            user, at, _ = urlsplit(file.path).netloc.rpartition("@")
            return unreadable(f"it cannot be opened: {first_line(error).replace(user + at, '')}")
        return bytes_or_reason(read_file(filesystem, File(path, UNKNOWN, 0)))

    def _resolved(self, uri: str) -> tuple[fs.FileSystem, str]:
        parts = urlsplit(uri)
        query = f"?{parts.query}" if parts.query else ""
        filesystem, root = _filesystem(f"{parts.scheme}://{parts.netloc}/{query}", tuple(self.environment.items()))
        return filesystem, f"{root.rstrip('/')}/{unquote(parts.path).lstrip('/')}"


@lru_cache(maxsize=64)
def _filesystem(root: str, environment: tuple[tuple[str, str], ...]) -> tuple[fs.FileSystem, str]:
    """The filesystem of a bucket, and its path there; to connect takes longer than to read."""
    return open_uri(root, dict(environment))


def list_uris(where: Location, tables: Sequence[File], column: str, keep: Sequence[str] = ()) -> UriTables:
    source = OnFilesystem(where.filesystem, where.prefix)
    pieces: list[Rows] = []
    columns: pa.Schema | None = None
    for file, footer in zip(tables, footers_of(source, tables), strict=True):
        _check(footer.schema, column, source.name(file))
        columns = columns if columns is not None else chosen_columns(footer.schema, keep, source.name(file))
        check_kept(footer.schema, columns, source.name(file))
        first = 0
        for group, rows in enumerate(footer.groups):
            starts = range(0, rows, spool.PIECE)
            pieces += (Rows(file, group, first, start, min(start + spool.PIECE, rows)) for start in starts)
            first += rows
    if not pieces:
        raise UsageError(f"{where.shown} holds nothing to label: its parquet has no rows.")
    return UriTables(source, column, tuple(pieces), tuple(tables), columns or NO_COLUMNS)


def _check(schema: pa.Schema, column: str, shown: str) -> None:
    if column not in schema.names:
        names = ", ".join(f"{one.name} ({one.type})" for one in schema)
        raise UsageError(f"{shown} has no column {column!r}; it has {names}.", option="uri_column")
    kind = schema.field(column).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
        raise UsageError(
            f"The column {column!r} of {shown} holds no URIs or paths, which are text; it is {kind}.",
            option="uri_column",
        )
