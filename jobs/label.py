#!/usr/bin/env python
"""Read in bulk: a place full of images or of scanned forms in, a table out."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from jobs._cli import run
from jobs._label_options import Label, LabelDigits, LabelForms
from pipelines.files import paths
from pipelines.files.remote import display_name
from pipelines.labeling.capacity import plan_capacity
from pipelines.labeling.inputs.base import FoundInput
from pipelines.labeling.pipeline import RunSpec
from pipelines.labeling.progress import LabelingDisplay
from pipelines.labeling.run import LabelingRun, label, sum_up
from pipelines.labeling.run_folder import LabelingRunFolder, open_run
from pipelines.labeling.workload import ReaderConfig, Workload
from pipelines.models.folder import ModelFolder
from pipelines.models.store import store_location
from pipelines.ray_runtime.nodes import free_nodes
from pipelines.ray_runtime.session import ray_session

FINISHED_WITH_ERRORS = 3


def main(options: Label) -> None:
    summary = read_in_bulk(options.what, Console(markup=False))
    if summary["status"].get("error"):
        sys.exit(1 if options.what.fail_on_error else FINISHED_WITH_ERRORS)


def read_in_bulk(what: LabelDigits | LabelForms, console: Console) -> dict[str, Any]:
    """The whole run, or what is left of it; its summary."""
    started = time.time()
    what.check()
    models = what.models()
    workload = what.workload(models)
    output = paths.folder(what.output, "rows")
    found = what.found(output)
    identity = _identity(what, workload, models[0], found)
    with open_run(output, what.format, identity, what.fresh, workload.schema) as folder:
        summary = folder.summary()
        if summary:
            console.print(f"{output} is finished already; --fresh would start over.", highlight=False, soft_wrap=True)
        else:
            summary = _label(what, workload, models, found, folder, console, started)
    console.print(f"{workload.summary_line(summary)}; {workload.results} in {output}", highlight=False, soft_wrap=True)
    return summary


def _label(
    what: LabelDigits | LabelForms,
    workload: Workload[Any],
    models: Sequence[ModelFolder],
    found: FoundInput,
    folder: LabelingRunFolder,
    console: Console,
    started: float,
) -> dict[str, Any]:
    model = models[0]
    already, accept = _already(found, folder), what.accepted_above(model)
    with ray_session(), LabelingDisplay(console, found.count, already, workload.items) as display:
        capacity = plan_capacity(
            free_nodes(), what.threads, what.gpus_per_actor, what.min_actors, what.max_actors, workload.needs
        )
        display.line(
            f"{found.count:,} {workload.items} in {display_name(what.input)}, "
            f"{capacity.min_actors} to {capacity.max_actors} readers of {capacity.threads} threads, "
            f"model {model.reference}"
        )
        for remark in (*found.remarks, capacity.remark, *(untested(what, one) for one in models)):
            if remark:
                display.line(remark)
        if already:
            display.line(f"going on after {already:,} {workload.items}")
        store = store_location(what.store)
        reader = ReaderConfig(
            model.reference, model.digest, store, what.engine, what.precision, capacity.threads, accept
        )
        work = LabelingRun(RunSpec(workload, found.input, folder, reader, capacity, what.deadline), found)
        labelled = label(work, display)
    about = {"input": display_name(what.input), "model": model.reference, "accept_above": accept, "format": what.format}
    return sum_up(work, about, labelled, started)


def untested(what: LabelDigits | LabelForms, model: ModelFolder) -> str | None:
    """What there is to say where nobody states from which confidence on a reading is ok."""
    if what.accept_above is not None or model.accepted_above:
        return None
    return (
        f"all that {model.reference} reads counts as ok, however unsure, since it was tested on no images, or on too "
        "few to say how sure is sure enough; give --accept-above"
    )


def _already(found: FoundInput, folder: LabelingRunFolder) -> int:
    done = folder.done()
    return sum(task.size(shard) for task in found.tasks for shard in task.shards if shard in done)


def _identity(
    what: LabelDigits | LabelForms, workload: Workload[Any], model: ModelFolder, found: FoundInput
) -> dict[str, Any]:
    """All that the rows depend on."""
    return {
        "work": workload.name,
        "input": display_name(what.input),
        "files of the input": found.fingerprint,
        **workload.identity(),
        "model": model.reference,
        "files of the model": model.digest,
        "engine": what.engine,
        "precision": what.precision,
        "accept-above": what.accepted_above(model),
        "format": what.format,
    }


if __name__ == "__main__":
    run(Label, main)
