"""A labelling run from its first look at the input to its report, seen from the driver."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from pipelines.errors import InkrayError
from pipelines.labeling.capacity import remaining_capacity
from pipelines.labeling.inputs.base import FoundInput
from pipelines.labeling.isolation import Isolation
from pipelines.labeling.memory import peak_mib
from pipelines.labeling.pipeline import RunSpec, ShardDone, run_pipeline
from pipelines.ray_runtime.failures import RESTARTS, a_process_died, cause_chain
from pipelines.ray_runtime.nodes import all_nodes


class ProgressListener(Protocol):
    """Who is told how a run goes."""

    def line(self, text: str) -> None: ...

    def shard_done(self, done: ShardDone) -> None: ...


@dataclass(frozen=True)
class LabelingRun:
    spec: RunSpec
    found: FoundInput


def label(run: LabelingRun, listener: ProgressListener) -> int:
    """Label every shard that is not done; how many items that were."""
    labelled = in_vain = 0
    spec, folder = run.spec, run.spec.folder
    while True:
        before = folder.done()
        pending = [task for task in run.found.tasks if set(task.shards) - before]
        if not pending:
            return labelled
        try:
            for done in run_pipeline(spec, pending):
                labelled += done.items
                listener.shard_done(done)
        except Exception as error:
            if not a_process_died(error):
                raise _as_inkray_error(error, run) from error
            spec = replace(spec, capacity=remaining_capacity(spec.capacity, all_nodes()))
            with _errors_in_words(run):
                isolated = list(_label_isolated(run, listener))
            labelled += sum(done.items for done in isolated)
            in_vain = in_vain + 1 if not isolated and folder.done() == before else 0
            if in_vain > RESTARTS:
                raise _as_inkray_error(error, run) from error


def _label_isolated(run: LabelingRun, listener: ProgressListener) -> Iterator[ShardDone]:
    suspects = run.spec.folder.left_under_way()
    isolation = Isolation(run.spec)
    if suspects:
        listener.line(f"processes died in {len(suspects)} shards: retrying those in isolation")
    try:
        for task in run.found.tasks:
            for shard in sorted(suspects & set(task.shards)):
                done = isolation.label(task, shard)
                listener.shard_done(done)
                yield done
    finally:
        isolation.close()


@contextmanager
def _errors_in_words(run: LabelingRun) -> Iterator[None]:
    try:
        yield
    except InkrayError:
        raise
    except Exception as error:
        raise _as_inkray_error(error, run) from error


def _as_inkray_error(error: BaseException, run: LabelingRun) -> InkrayError:
    """What went wrong in one sentence; Ray tells it as a stack trace with the cause somewhere in it."""
    for one in cause_chain(error):
        if isinstance(one, InkrayError):
            return one
    text = str(error)
    if os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text:
        return InkrayError(
            f"There is no space left for {run.spec.folder.path}. What was written is kept: make room, and start the "
            "same run again."
        )
    causes = re.findall(r"^(?:pipelines\.errors\.)?(\w+(?:\.\w+)*(?:Error|Exception): .+)$", text, re.MULTILINE)
    last = causes[-1] if causes else (text.strip().splitlines() or [type(error).__name__])[-1]
    return InkrayError(
        f"Labelling failed: {last.rstrip('.')}. What was written is kept: start the same run again to go on."
    )


def sum_up(run: LabelingRun, about: dict[str, Any], items_this_time: int, started: float) -> dict[str, Any]:
    """Check that every item has its rows, and write summary and report."""
    with _errors_in_words(run):
        return _summed_up(run, about, items_this_time, started)


def _summed_up(run: LabelingRun, about: dict[str, Any], items_this_time: int, started: float) -> dict[str, Any]:
    workload, folder = run.spec.workload, run.spec.folder
    workload.finalize(folder)
    found = workload.tally(folder)
    if found.items != run.found.count:
        raise InkrayError(
            f"{folder.path} has rows of {found.items:,} items, and there are {run.found.count:,}: the input changed "
            "while it was read, or rows were taken away. Start over with --fresh."
        )
    seconds = time.time() - started
    summary = {
        **about,
        **found.as_dict(),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "items_this_time": items_this_time,
        f"{workload.items}_per_second": round(items_this_time / seconds, 2),
        "driver_memory_mib": peak_mib(),
    }
    folder.finish(summary, workload.report(folder, summary, found))
    return summary
