"""The rows as a Delta Lake table: a log beside the files that are there, of one commit for the whole run.

Each update of the run is one commit more, which takes out the files that it replaced. A commit holds the identity of
the run as the id of its transaction, and the number of the update as its version, by which a run that is started again,
or was killed just after it, knows that it is done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pyarrow as pa

from pipelines.errors import InkrayError, UsageError, first_line
from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.manifest import RowFile, row_files
from pipelines.labeling.run_folder import ROWS, LabelingRunFolder

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, CommitProperties

LIBRARY = "deltalake"


def check_available(format: str) -> None:
    if format != "parquet":
        raise UsageError(f"A Delta table holds parquet, and the format is {format}; leave one of the two.", "format")
    if find_spec(LIBRARY) is None:
        raise UsageError(f"A Delta table needs the library {LIBRARY}: pip install 'inkray[delta]'.", "table")


def commit_table(folder: LabelingRunFolder, spread: Spread) -> None:
    """Make the rows of a whole run a table, unless they are one."""
    # Imported only where it is asked for, since it is an extra.
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError
    from deltalake.schema import Schema
    from deltalake.transaction import create_table_with_add_actions

    where, options = folder.place.for_tables(ROWS)
    run = folder.run_id
    try:
        if not DeltaTable.is_deltatable(where, options):
            create_table_with_add_actions(
                where,
                Schema.from_arrow(folder.schema),
                [_added(file) for file in row_files(folder, spread)],
                mode="error",
                storage_options=options,
                commit_properties=_as_done(run, folder.update),
            )
            return
        table = DeltaTable(where, storage_options=options)
        version = table.transaction_version(run)
        if version is None:
            raise InkrayError(
                f"{folder.place.shown}/{ROWS} is the Delta table of something else than this run. Start the run "
                "afresh.",
                option="fresh",
            )
        if version <= folder.update:
            _replace_files(table, row_files(folder, spread), _as_done(run, folder.update))
    except (DeltaError, OSError) as error:
        raise InkrayError(
            f"The Delta table in {folder.place.shown}/{ROWS} cannot be written: {first_line(error)}. The rows are "
            "there: start the same run again to make a table of them."
        ) from error


def is_table(folder: LabelingRunFolder) -> bool:
    return bool(folder.place.names(f"{ROWS}/_delta_log"))


def _as_done(run: str, update: int) -> CommitProperties:
    from deltalake.transaction import CommitProperties, Transaction

    return CommitProperties(app_transactions=[Transaction(run, update + 1)])


def _replace_files(table: DeltaTable, files: Iterator[RowFile], done: CommitProperties) -> None:
    from deltalake.transaction import RemoveAction

    there = set(pa.table(table.get_add_actions())["path"].to_pylist())
    wanted, now = set[str](), int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = []
    for file in files:
        wanted.add(file.name)
        if file.name not in there:
            actions.append(_added(file))
    actions += (RemoveAction(name, True, now) for name in sorted(there - wanted))
    table.create_write_transaction(actions, "append", table.schema(), commit_properties=done)


def _added(file: RowFile) -> AddAction:
    from deltalake.transaction import AddAction

    stats = json.dumps({"numRecords": file.footer.num_rows})
    return AddAction(file.name, file.size, {}, int(time.time() * 1000), True, stats)
