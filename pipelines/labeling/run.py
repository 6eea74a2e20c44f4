"""A labelling run as the driver sees it, from what was asked for to its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyarrow as pa

from pipelines.files.remote import display_name
from pipelines.labeling.capacity import remaining_capacity
from pipelines.labeling.delta_table import check_available, commit_table, is_table
from pipelines.labeling.finishing import LabelingRun, sum_up
from pipelines.labeling.gpus import lost
from pipelines.labeling.in_words import as_inkray_error, errors_in_words
from pipelines.labeling.inputs.base import FoundInput, ListedInput
from pipelines.labeling.kept_listing import KeptInFolder
from pipelines.labeling.passed_through import check_storable
from pipelines.labeling.pipeline import LabelShards, RunSpec, ShardDone, run_pipeline
from pipelines.labeling.readers import Readers
from pipelines.labeling.retry import Isolation
from pipelines.labeling.run_file import INPUT
from pipelines.labeling.run_folder import LISTING, LabelingRunFolder, open_run
from pipelines.labeling.spread import over_the_cluster
from pipelines.labeling.update import about_update, begin_update, by_file, changed_sources, keep_list, last_part
from pipelines.labeling.workload import Workload
from pipelines.ray_runtime.data import no_helping_actors
from pipelines.ray_runtime.failures import RESTARTS
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
    update: bool
    """Whether to read only what is new or changed since the run was finished."""
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


def read_in_bulk(request: LabelingRequest, listener: ProgressListener) -> dict[str, Any]:
    """Do the whole run, or what is left of it, and return its summary."""
    listed = request.list_input()
    request = _with_columns(request, listed.columns)
    if request.update:
        by_file(listed)
    workload, identity, shown = request.workload, _identity(request, listed), display_name(request.output)
    with open_run(request.output, request.format, identity, request.fresh, workload.schema, request.update) as folder:
        if is_table(folder):
            # It goes on being one, so that its log names no files that are gone.
            check_available(request.format)
        if folder.part.input == listed.fingerprint:
            summary = folder.summary()
            if summary:
                listener.line(f"{shown} is finished already, and nothing is read again unless the run starts afresh.")
            summary = _to_its_end(request, last_part(listed, folder), folder, listener)
        else:
            summary = _updated(request, listed, folder, listener)
    listener.ended(f"{workload.summary_line(summary)}; {workload.results} in {shown}", summary)
    return summary


def _to_its_end(
    request: LabelingRequest, listed: ListedInput, folder: LabelingRunFolder, listener: ProgressListener
) -> dict[str, Any]:
    summary = folder.summary()
    if summary is None:
        return _labelled(request, listed, folder, listener)
    folder.tidy()
    if request.delta:
        commit_table(folder, map)
    return summary


def _updated(
    request: LabelingRequest, listed: ListedInput, folder: LabelingRunFolder, listener: ProgressListener
) -> dict[str, Any]:
    """Read what is new or changed, after what an earlier start had left unread."""
    if folder.summary() is None:
        listener.line("what was begun before the input changed is finished first")
    summary = _to_its_end(request, last_part(listed, folder), folder, listener)
    with errors_in_words(folder):
        update = begin_update(listed, folder, summary["items"])
    listener.line(str(update))
    if update.folder is None:
        return summary
    return _labelled(request, last_part(listed, update.folder), update.folder, listener)


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
            changed = changed_sources(listed, folder)
            run = LabelingRun(_spec(request, found, folder, listener), found, request.delta, changed)
            if already:
                listener.line(f"going on after {already:,} {items}")
            labelled = label(run, listener)
        with errors_in_words(folder):
            return sum_up(run, _about(request, folder), labelled, request.started, over_the_cluster)


def _about(request: LabelingRequest, folder: LabelingRunFolder) -> dict[str, Any]:
    return {
        "work": request.workload.name,
        "input": display_name(request.input),
        "output": folder.place.shown,
        "model": request.readers.model.reference,
        "accept_above": request.readers.accepted_above,
        "format": request.format,
        **about_update(folder),
    }


def _found(listed: ListedInput, folder: LabelingRunFolder, listener: ProgressListener) -> FoundInput:
    """Count the items, which takes the cluster where there are many files."""
    if listed.preparation:
        listener.line(listed.preparation)
    with errors_in_words(folder):
        keep_list(listed, folder)
        return listed.found(KeptInFolder(folder.place, LISTING), over_the_cluster).beginning_at(folder.part.first)


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
        **listed.settings,
        INPUT: listed.fingerprint,
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
                raise as_inkray_error(error, folder) from error
            spec, why = replace(spec, capacity=remaining_capacity(spec.capacity, all_nodes())), last_words()
            with errors_in_words(run.spec.folder):
                isolated = list(_label_isolated(run, listener, why))
            labelled += sum(done.items for done in isolated)
            in_vain = in_vain + 1 if not isolated and folder.done() == before else 0
            if in_vain > RESTARTS:
                raise as_inkray_error(error, folder, why) from error


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
