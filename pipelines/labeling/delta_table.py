"""The rows as a Delta Lake table: a log beside the files that are there, of one commit for the whole run.

The commit holds the identity of the run as the id of its transaction, by which a run that is started again, or was
killed just after it, knows that it is done.
"""

from __future__ import annotations

import json
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pipelines.errors import InkrayError, UsageError, first_line
from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.manifest import RowFile, row_files
from pipelines.labeling.run_folder import ROWS, LabelingRunFolder

if TYPE_CHECKING:
    from deltalake.transaction import AddAction

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
    from deltalake.transaction import CommitProperties, Transaction, create_table_with_add_actions

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
                commit_properties=CommitProperties(app_transactions=[Transaction(run, 1)]),
            )
        elif DeltaTable(where, storage_options=options).transaction_version(run) is None:
            raise InkrayError(
                f"{folder.place.shown}/{ROWS} is the Delta table of something else than this run. Start the run "
                "afresh.",
                option="fresh",
            )
    except (DeltaError, OSError) as error:
        raise InkrayError(
            f"The Delta table in {folder.place.shown}/{ROWS} cannot be written: {first_line(error)}. The rows are "
            "there: start the same run again to make a table of them."
        ) from error


def _added(file: RowFile) -> AddAction:
    from deltalake.transaction import AddAction

    stats = json.dumps({"numRecords": file.footer.num_rows})
    return AddAction(file.name, file.size, {}, int(time.time() * 1000), True, stats)
