"""The end of a run, or of an update of it: all that is made of the rows when they are all there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipelines.errors import InkrayError
from pipelines.labeling.delta_table import commit_table, is_table
from pipelines.labeling.inputs.base import FoundInput, Spread
from pipelines.labeling.manifest import write_manifest
from pipelines.labeling.memory import peak_mib
from pipelines.labeling.pipeline import RunSpec
from pipelines.labeling.sources import Sources, sources_of
from pipelines.labeling.summing import total
from pipelines.labeling.taken_out import take_out


@dataclass(frozen=True)
class LabelingRun:
    spec: RunSpec
    found: FoundInput
    delta: bool = False
    """Whether the rows are made a Delta table in the end."""
    changed: Sources = field(default_factory=lambda: sources_of([]))
    """The sources whose rows of earlier parts are to be taken out."""


def sum_up(
    run: LabelingRun, about: dict[str, Any], items_this_time: int, started: float, spread: Spread
) -> dict[str, Any]:
    """Check that every item has its rows, and write summary and report."""
    workload, folder = run.spec.workload, run.spec.folder
    folder.check_held()
    taken_out = take_out(folder, workload, run.changed, spread)
    workload.finalize(folder, spread)
    found = total(workload.tally, folder, spread)
    expected = folder.part.before - taken_out + run.found.count
    if found.items != expected:
        raise InkrayError(
            f"{folder.place.shown} has rows of {found.items:,} items, and there are {expected:,}: the input "
            "changed while it was read, or rows were taken away. Start the run afresh.",
            option="fresh",
        )
    if folder.format == "parquet":
        write_manifest(folder, spread)
    if run.delta or is_table(folder):
        commit_table(folder, spread)
    seconds = time.time() - started
    summary = {
        **about,
        **found.as_dict(),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "ended": datetime.fromtimestamp(started + seconds, UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "items_this_time": items_this_time,
        f"{workload.items}_per_second": round(items_this_time / seconds, 2),
        "driver_memory_mib": peak_mib(),
    }
    folder.finish(summary, workload.report(folder, summary, found))
    return summary
