"""A labelling run as the driver sees it, from what was asked for to its report."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import pyarrow as pa

from pipelines.errors import InkrayError
from pipelines.files.remote import display_name
from pipelines.labeling.capacity import remaining_capacity
from pipelines.labeling.delta_table import commit_table
from pipelines.labeling.gpus import lost
from pipelines.labeling.inputs.base import FoundInput, ListedInput
from pipelines.labeling.kept_listing import KeptInFolder
from pipelines.labeling.manifest import write_manifest
from pipelines.labeling.memory import peak_mib
from pipelines.labeling.passed_through import check_storable
from pipelines.labeling.pipeline import LabelShards, RunSpec, ShardDone, run_pipeline
from pipelines.labeling.readers import Readers
from pipelines.labeling.retry import Isolation
from pipelines.labeling.run_folder import LISTING, LabelingRunFolder, open_run
from pipelines.labeling.spread import over_the_cluster
from pipelines.labeling.summing import total
from pipelines.labeling.workload import Workload
from pipelines.ray_runtime.data import no_helping_actors
from pipelines.ray_runtime.failures import RESTARTS, a_process_died, cause_chain
from pipelines.ray_runtime.last_words import last_words
from pipelines.ray_runtime.nodes import all_nodes
from pipelines.ray_runtime.session import RayNeeds, ray_session


@dataclass(frozen=True, kw_only=True)
class LabelingRequest:
    """What is to be read, with which models, on how much of the cluster, and where the rows go."""

    workload: Workload[Any]
    input: str
    """Path, pattern or URI."""
    list_input: Callable[[], ListedInput]
    """Lists what lies there."""
    readers: Readers
    output: str
    """Folder or URI."""
    format: str
    deadline: float
    """Seconds after which a shard is given up, and its items are tried one by one."""
    delta: bool
    """Whether to make the rows a Delta table in the end."""
    fresh: bool
    """Whether to drop the rows of an earlier run and to start over."""
    started: float
    """When the run was asked for, as `time.time()` counts."""


class ProgressListener(Protocol):
    """Shows the progress of a run."""

    def line(self, text: str) -> None: ...

    def under_way(self, items: int, done: int, items_name: str) -> AbstractContextManager[object]:
        """A context in which items are labelled, `done` of them by an earlier start of the run."""
        ...

    def shard_done(self, done: ShardDone) -> None: ...

    def ended(self, line: str, summary: dict[str, Any]) -> None:
        """The run is finished, now or before: what came of it, in one line and in full."""
        ...


@dataclass(frozen=True)
class LabelingRun:
    spec: RunSpec
    found: FoundInput
    delta: bool = False
    """Whether the rows are made a Delta table in the end."""


def read_in_bulk(request: LabelingRequest, listener: ProgressListener) -> dict[str, Any]:
    """Do the whole run, or what is left of it, and return its summary."""
    listed = request.list_input()
    request = _with_columns(request, listed.columns)
    workload, shown = request.workload, display_name(request.output)
    with open_run(request.output, request.format, _identity(request, listed), request.fresh, workload.schema) as folder:
        summary = folder.summary()
        if summary:
            listener.line(f"{shown} is finished already, and nothing is read again unless the run starts afresh.")
            if request.delta:
                commit_table(folder, map)
        else:
            summary = _labelled(request, listed, folder, listener)
    listener.ended(f"{workload.summary_line(summary)}; {workload.results} in {shown}", summary)
    return summary


def _with_columns(request: LabelingRequest, columns: pa.Schema) -> LabelingRequest:
    check_storable(columns, request.workload.names, request.format, request.delta)
    return replace(request, workload=request.workload.keeping(columns))


def _labelled(
    request: LabelingRequest, listed: ListedInput, folder: LabelingRunFolder, listener: ProgressListener
) -> dict[str, Any]:
    items, preload = request.workload.items, _imported_by_workers(request, listed)
    with (
        folder.spilled() as spilled,
        ray_session(RayNeeds(spilled, runtime_envs=False, preload=preload)) as own,
        no_helping_actors() if own else nullcontext(),
    ):
        found = _found(listed, folder, listener)
        already = _already_done(found, folder)
        with listener.under_way(found.count, already, items):
            run = LabelingRun(_spec(request, found, folder, listener), found, request.delta)
            if already:
                listener.line(f"going on after {already:,} {items}")
            labelled = label(run, listener)
        return sum_up(run, _about(request, folder), labelled, request.started)


def _about(request: LabelingRequest, folder: LabelingRunFolder) -> dict[str, Any]:
    return {
        "work": request.workload.name,
        "input": display_name(request.input),
        "output": folder.place.shown,
        "model": request.readers.model.reference,
        "accept_above": request.readers.accepted_above,
        "format": request.format,
    }


def _found(listed: ListedInput, folder: LabelingRunFolder, listener: ProgressListener) -> FoundInput:
    """Count the items, which takes the cluster where there are many files."""
    if listed.preparation:
        listener.line(listed.preparation)
    with _errors_in_words(folder):
        return listed.found(KeptInFolder(folder.place, LISTING), over_the_cluster)


def _imported_by_workers(request: LabelingRequest, listed: ListedInput) -> list[str]:
    return [LabelShards.__module__, type(request.workload).__module__, listed.module]


def _spec(
    request: LabelingRequest, found: FoundInput, folder: LabelingRunFolder, listener: ProgressListener
) -> RunSpec:
    """Fit the run into the free capacity of the cluster, and announce it."""
    workload, readers = request.workload, request.readers
    capacity = readers.capacity(workload.needs)
    listener.line(
        f"{found.count:,} {workload.items} in {display_name(request.input)}, {capacity}, "
        f"model {readers.model.reference}"
    )
    for remark in (*found.remarks, *readers.remarks(capacity)):
        listener.line(remark)
    return RunSpec(workload, found.input, folder, readers.config(capacity), capacity, request.deadline)


def _already_done(found: FoundInput, folder: LabelingRunFolder) -> int:
    done = folder.done()
    return sum(task.size(shard) for task in found.tasks for shard in task.shards if shard in done)


def _identity(request: LabelingRequest, listed: ListedInput) -> dict[str, Any]:
    """Everything that the rows depend on; a run is resumed only if all of it is the same."""
    readers = request.readers
    return {
        "work": request.workload.name,
        "input": display_name(request.input),
        "files of the input": listed.fingerprint,
        **request.workload.identity(),
        "model": readers.model.reference,
        "files of the model": readers.model.digest,
        "engine": readers.engine,
        "precision": readers.precision,
        "accept-above": readers.accepted_above,
        "format": request.format,
        "columns of the rows": ", ".join(request.workload.schema.names),
    }


def label(run: LabelingRun, listener: ProgressListener) -> int:
    """Label every pending shard, and return how many items these had."""
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
            if not lost(error):
                raise _as_inkray_error(error, folder) from error
            spec, why = replace(spec, capacity=remaining_capacity(spec.capacity, all_nodes())), last_words()
            with _errors_in_words(run.spec.folder):
                isolated = list(_label_isolated(run, listener, why))
            labelled += sum(done.items for done in isolated)
            in_vain = in_vain + 1 if not isolated and folder.done() == before else 0
            if in_vain > RESTARTS:
                raise _as_inkray_error(error, folder, why) from error


def _label_isolated(run: LabelingRun, listener: ProgressListener, why: str | None) -> Iterator[ShardDone]:
    suspects = run.spec.folder.left_under_way()
    isolation = Isolation(run.spec)
    if suspects:
        because = f" ({why.rstrip('.')})" if why else ""
        listener.line(f"processes died in {len(suspects)} shards{because}: retrying those in isolation")
    try:
        for task in run.found.tasks:
            for shard in sorted(suspects & set(task.shards)):
                done = isolation.label(task, shard)
                listener.shard_done(done)
                yield done
    finally:
        isolation.close()


@contextmanager
def _errors_in_words(folder: LabelingRunFolder) -> Iterator[None]:
    try:
        yield
    except InkrayError:
        raise
    except Exception as error:
        raise _as_inkray_error(error, folder) from error


def _as_inkray_error(error: BaseException, folder: LabelingRunFolder, why: str | None = None) -> InkrayError:
    """The cause of a failure in one sentence; Ray reports it as a stack trace with the cause somewhere inside."""
    for one in cause_chain(error):
        if isinstance(one, InkrayError):
            return one
    if a_process_died(error) and (said := why or last_words()):
        return InkrayError(f"{said} What was written is kept: start the same run again to go on.")
    text = str(error)
    if os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text:
        return InkrayError(
            f"There is no space left for {folder.place.shown}. What was written is kept: free some space, and "
            "start the same run again."
        )
    if ours := re.findall(rf"^{re.escape(InkrayError.__module__)}\.\w+: (.+)$", text, re.MULTILINE):
        return InkrayError(ours[-1])
    causes = re.findall(r"^(\w+(?:\.\w+)*(?:Error|Exception): .+)$", text, re.MULTILINE)
    last = causes[-1] if causes else (text.strip().splitlines() or [type(error).__name__])[-1]
    return InkrayError(
        f"Labelling failed: {last.rstrip('.')}. What was written is kept: start the same run again to go on."
    )


def sum_up(run: LabelingRun, about: dict[str, Any], items_this_time: int, started: float) -> dict[str, Any]:
    """Check that every item has its rows, and write summary and report."""
    with _errors_in_words(run.spec.folder):
        return _summed_up(run, about, items_this_time, started)


def _summed_up(run: LabelingRun, about: dict[str, Any], items_this_time: int, started: float) -> dict[str, Any]:
    workload, folder = run.spec.workload, run.spec.folder
    folder.check_held()
    workload.finalize(folder, over_the_cluster)
    found = total(workload.tally, folder, over_the_cluster)
    if found.items != run.found.count:
        raise InkrayError(
            f"{folder.place.shown} has rows of {found.items:,} items, and there are {run.found.count:,}: the input "
            "changed while it was read, or rows were taken away. Start the run afresh.",
            option="fresh",
        )
    if folder.format == "parquet":
        write_manifest(folder, over_the_cluster)
    if run.delta:
        commit_table(folder, over_the_cluster)
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
