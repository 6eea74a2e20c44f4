"""Recognises the kind of an input by the files that are there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.files.listing import list_files
from pipelines.files.paths import printable
from pipelines.files.remote import File, Location, parse_location
from pipelines.labeling.inputs.archives import list_archive
from pipelines.labeling.inputs.base import ListedInput, Ready, not_empty
from pipelines.labeling.inputs.idx import find_idx
from pipelines.labeling.inputs.image_files import SUFFIXES, ListedImages
from pipelines.labeling.inputs.seen import Seen
from pipelines.labeling.inputs.sources import OnFilesystem
from pipelines.labeling.inputs.spool import spooled
from pipelines.labeling.inputs.tables import list_tables
from pipelines.labeling.inputs.uris import ByUri, UriTables, list_uris

TABLES = frozenset({".parquet"})
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
KINDS = "images (png, jpeg, tiff, bmp, webp), parquet, IDX, zip or tar"


def list_input(
    place: str,
    column: str | None = None,
    output: Path | None = None,
    uri_column: str | None = None,
    keep: Sequence[str] = (),
) -> ListedInput:
    """List what lies at a place, and recognise what it is; `output`, if it lies within, is left out.

    `keep` names columns of its tables that are passed through to the rows.
    """
    where = parse_location(place)
    if uri_column is not None:
        if column is not None:
            raise UsageError("Images are in a column or named in one; name one column.", option="uri_column")
        files = find_uris(where, uri_column, output, keep)
        about = (f"images that the column {uri_column!r} names",)
        return ListedImages(ByUri(files.source), files, about, files.columns)
    seen = Seen(SUFFIXES | TABLES)
    passing = list_files(where, output)
    first = next(passing, None)
    if first is None:
        raise UsageError(f"{where.shown} holds no files; expected {KINDS}.")
    if first.path == where.path:
        return _list_file(where, first, column, keep)
    spool = spooled(seen.wanted(chain([first], passing)))
    kind = _kind_of_folder(where, seen)
    _check_columns(where, kind, column, keep)
    if kind == "parquet":
        return list_tables(where, list(spool), column, keep)
    other = seen.count - spool.count
    remarks = (f"{other:,} files are no images by their names and are left out",) if other else ()
    return ListedImages(OnFilesystem(where.filesystem, where.prefix), spool, remarks)


def find_uris(where: Location, column: str, output: Path | None, keep: Sequence[str] = ()) -> UriTables:
    """The files that the column of one parquet table names, or of several."""
    tables = [file for file in spooled(list_files(where, output)) if file.suffix in TABLES]
    if not tables:
        raise UsageError(f"{where.shown} holds no parquet table whose column could name files.", option="uri_column")
    return list_uris(where, tables, column, keep)


def _list_file(where: Location, file: File, column: str | None, keep: Sequence[str]) -> ListedInput:
    kind = _kind_of_file(where, file)
    _check_columns(where, kind, column, keep)
    if kind == "images":
        return ListedImages(OnFilesystem(where.filesystem, where.prefix), spooled([file]), ())
    if kind == "parquet":
        return list_tables(where, [file], column, keep)
    if kind == "idx":
        return Ready(not_empty(find_idx(where, file), where.shown))
    return list_archive(kind, where, file)


def _check_columns(where: Location, kind: str, column: str | None, keep: Sequence[str]) -> None:
    if kind == "parquet" or (column is None and not keep):
        return
    name, option = (keep[0], "keep_columns") if column is None else (column, "column")
    raise UsageError(
        f"Only parquet has columns such as {name!r}; {where.shown} holds {kind}. Name no column.", option=option
    )


def _kind_of_folder(where: Location, seen: Seen) -> str:
    tables, pictures = seen.among(TABLES), seen.among(SUFFIXES)
    if tables and pictures:
        raise UsageError(
            f"{where.shown} holds both {tables:,} parquet files and {pictures:,} images; name one kind, as in "
            f"'{where.shown}/**/*.parquet'."
        )
    if not tables and not pictures:
        some = ", ".join(printable(path.rpartition("/")[2]) for path in seen.first)
        raise UsageError(f"{where.shown} holds no images among its {seen.count:,} files ({some}...); expected {KINDS}.")
    return "parquet" if tables else "images"


def _kind_of_file(where: Location, file: File) -> str:
    name = file.path.lower()
    if file.suffix in SUFFIXES:
        return "images"
    if file.suffix == ".parquet":
        return "parquet"
    if file.suffix == ".zip":
        return "zip"
    if name.endswith(TARS):
        return "tar"
    if "idx" in name.rpartition("/")[2]:
        return "idx"
    raise UsageError(f"{where.shown} is no kind of file that is known here; expected {KINDS}, named as such.")
