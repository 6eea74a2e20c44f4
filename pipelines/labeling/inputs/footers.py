"""The footers of parquet files, which say how many rows each has: of many files they are read by tasks, and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import DataError, first_line
from pipelines.files.ahead import ahead
from pipelines.files.reading import open_anywhere
from pipelines.files.remote import File
from pipelines.labeling.inputs.base import Kept, Spread
from pipelines.labeling.inputs.columns import check_column
from pipelines.labeling.inputs.kept_columns import check_kept
from pipelines.labeling.inputs.sources import AT_ONCE, OnFilesystem

BATCH = 16
"""Files whose footers a task reads."""
Groups = tuple[int, ...]
"""The rows of each row group of a file."""


@dataclass(frozen=True)
class Footer:
    groups: Groups
    schema: pa.Schema


def footer_of(source: OnFilesystem, file: File) -> Footer:
    try:
        with open_anywhere(source.filesystem, file.path) as stream:
            opened = pq.ParquetFile(stream)
            groups = (opened.metadata.row_group(group) for group in range(opened.metadata.num_row_groups))
            return Footer(tuple(group.num_rows for group in groups), opened.schema_arrow)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{source.name(file)} cannot be read as parquet: {first_line(error)}.") from error


def footers_of(source: OnFilesystem, files: Iterable[File]) -> Iterator[Footer]:
    read = partial(footer_of, source)
    return map(read, files) if source.is_local else ahead(read, files, AT_ONCE)


def checked_groups(source: OnFilesystem, column: str, kept: pa.Schema, files: Sequence[File]) -> list[Groups]:
    """The row groups of some files, each of which has the column and those that are kept."""
    found = []
    for file, footer in zip(files, footers_of(source, files), strict=True):
        check_column(footer.schema, column, source.name(file))
        check_kept(footer.schema, kept, source.name(file))
        found.append(footer.groups)
    return found


def groups_of_all(
    check: Callable[[Sequence[File]], list[Groups]], files: Sequence[File], kept: Kept, spread: Spread, name: str
) -> list[Groups]:
    """The row groups of each file, read and checked by tasks unless an earlier start of the run kept them."""
    there = kept.get(name)
    if there is not None:
        return [tuple(groups) for groups in json.loads(there)]
    batches = (files[start : start + BATCH] for start in range(0, len(files), BATCH))
    found = [groups for some in spread(check, batches) for groups in some]
    keep_groups(found, kept, name)
    return found


def keep_groups(groups: Sequence[Groups], kept: Kept, name: str) -> None:
    """Keep them for a later start, when some of the files may be gone."""
    kept.put(name, json.dumps(groups).encode())
