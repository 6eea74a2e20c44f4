"""The files with rows as one data set of parquet: `rows/_metadata` has the footers of all of them.

That is the form which the parquet libraries themselves have for it: pyarrow and Dask open a data set by it without
listing or opening its files. Spark, DuckDB and pandas read the folder or its `*.parquet`, and pass over names that
begin with an underscore.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import InkrayError
from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.run_folder import ROWS, Group, LabelingRunFolder
from pipelines.labeling.summing import of_each

METADATA = "_metadata"


class RowFile(NamedTuple):
    name: str
    size: int
    footer: pq.FileMetaData


def row_files(folder: LabelingRunFolder, spread: Spread) -> Iterator[RowFile]:
    for files in of_each(partial(_of_group, folder), folder.groups(), spread):
        yield from files


def write_manifest(folder: LabelingRunFolder, spread: Spread) -> None:
    whole: pq.FileMetaData | None = None
    for file in row_files(folder, spread):
        if whole is None:
            whole = file.footer
        else:
            _append(whole, file, folder)
    if whole is not None:
        content = io.BytesIO()
        whole.write_metadata_file(content)
        folder.write_file(f"{ROWS}/{METADATA}", content.getvalue())


def _append(whole: pq.FileMetaData, file: RowFile, folder: LabelingRunFolder) -> None:
    try:
        whole.append_row_groups(file.footer)
    except RuntimeError:
        raise InkrayError(
            f"{folder.place.shown}/{ROWS}/{file.name} has other columns than the files before it, so somebody changed "
            "it. Delete it, and start the same run again."
        ) from None


def _of_group(folder: LabelingRunFolder, group: Group) -> list[RowFile]:
    return [_row_file(name, folder.content(name)) for name in group.files]


def _row_file(name: str, content: bytes) -> RowFile:
    footer = pq.read_metadata(pa.BufferReader(content))
    footer.set_file_path(name)
    return RowFile(name, len(content), footer)
