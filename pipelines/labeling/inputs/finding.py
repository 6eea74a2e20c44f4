"""Recognises the kind of an input by the files that are there."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import UsageError
from pipelines.files.remote import File, Location, list_files, parse_location
from pipelines.labeling.inputs.archives import find_archive
from pipelines.labeling.inputs.base import FoundInput
from pipelines.labeling.inputs.idx import find_idx
from pipelines.labeling.inputs.image_files import SUFFIXES, find_image_files
from pipelines.labeling.inputs.tables import find_tables

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
KINDS = "images (png, jpeg, tiff, bmp, webp), parquet, IDX, zip or tar"

EMPTY = {
    "images": "it has no images",
    "parquet": "its parquet has no rows",
    "idx": "its header declares 0 images",
    "zip": "there are no images (png, jpeg, tiff, bmp, webp) in the zip file",
    "tar": "there are no images (png, jpeg, tiff, bmp, webp) in the tar file",
}


def find_input(place: str, column: str | None = None, output: Path | None = None) -> FoundInput:
    where = parse_location(place)
    files = list_files(where, output)
    kind = _kind(where, files)
    if column is not None and kind != "parquet":
        raise UsageError(
            f"Only parquet has columns such as {column!r}; {where.shown} holds {kind}. Name no column.", option="column"
        )
    found = _find(kind, where, files, column)
    if not found.count:
        raise UsageError(f"{where.shown} holds nothing to label: {EMPTY[kind]}.")
    return found


def _kind(where: Location, files: list[File]) -> str:
    if not files:
        raise UsageError(f"{where.shown} holds no files; expected {KINDS}.")
    if len(files) == 1 and files[0].path == where.path:
        return _kind_of_file(where, files[0])
    tables, pictures = _count(files, {".parquet"}), _count(files, SUFFIXES)
    if tables and pictures:
        raise UsageError(
            f"{where.shown} holds both {tables:,} parquet files and {pictures:,} images; name one kind, as in "
            f"'{where.shown}/**/*.parquet'."
        )
    if not tables and not pictures:
        some = ", ".join(file.path.rpartition("/")[2] for file in files[:3])
        raise UsageError(f"{where.shown} holds no images among its {len(files):,} files ({some}...); expected {KINDS}.")
    return "parquet" if tables else "images"


def _count(files: list[File], suffixes: set[str] | frozenset[str]) -> int:
    return sum(file.suffix in suffixes for file in files)


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


def _find(kind: str, where: Location, files: list[File], column: str | None) -> FoundInput:
    if kind == "images":
        return find_image_files(where, files)
    if kind == "parquet":
        return find_tables(where, files, column)
    return find_idx(where, files[0]) if kind == "idx" else find_archive(kind, where, files[0])
