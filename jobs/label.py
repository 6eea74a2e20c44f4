#!/usr/bin/env python
"""Read in bulk: a place full of images or of scanned forms in, a table out."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from typing import Any

from rich.console import Console

from jobs._cli import run
from jobs._label_options import Label, LabelDigits, LabelForms
from pipelines.labeling.inputs.base import Found
from pipelines.labeling.kind import Kind, Reading
from pipelines.labeling.pipeline import Orders
from pipelines.labeling.progress import Display
from pipelines.labeling.room import free_nodes, make_room
from pipelines.labeling.run import Work, label, sum_up
from pipelines.labeling.run_folder import RunFolder, open_run
from pipelines.model_folder import ModelFolder, open_model
from pipelines.model_store import ModelStore
from pipelines.ray_session import ray_session

FINISHED_WITH_ERRORS = 3


def main(options: Label) -> None:
    started, console, what = time.time(), Console(), options.what
    what.check()
    kind = what.kind()
    model = open_model(what.model, ModelStore(what.store) if what.store else None)
    found = what.found()
    output = what.output.expanduser().absolute()
    identity = _identity(what, kind, model, found)
    with open_run(output, what.format, identity, what.fresh, kind.schema) as folder:
        summary = folder.summary()
        if summary:
            console.print(f"{output} is finished already; --fresh would start over.", highlight=False, soft_wrap=True)
        else:
            summary = _label(what, kind, model, found, folder, console, started)
    console.print(f"{kind.told(summary)}; {kind.results} in {output}", highlight=False, soft_wrap=True)
    if summary["status"].get("error"):
        sys.exit(1 if what.fail_on_error else FINISHED_WITH_ERRORS)


def _label(
    what: LabelDigits | LabelForms,
    kind: Kind[Any],
    model: ModelFolder,
    found: Found,
    folder: RunFolder,
    console: Console,
    started: float,
) -> dict[str, Any]:
    already, accept = _already(found, folder), what.accepted_above(model)
    with ray_session(), Display(console, found.count, already, kind.items) as display:
        room = make_room(free_nodes(), what.threads, what.gpus_per_actor, what.min_actors, what.max_actors, kind.needs)
        display.line(
            f"{found.count:,} {kind.items} in {what.input}, {room.min_actors} to {room.max_actors} readers of "
            f"{room.threads} threads, model {model.reference}"
        )
        for remark in (*found.remarks, *([room.remark] if room.remark else [])):
            display.line(remark)
        if already:
            display.line(f"going on after {already:,} {kind.items}")
        reading = Reading(model.reference, what.store, what.engine, what.precision, room.threads, accept)
        work = Work(Orders(kind, found.input, folder, reading, room, what.deadline), found)
        labelled = label(work, display)
    told = {"input": what.input, "model": model.reference, "accept_above": accept, "format": what.format}
    return sum_up(work, told, labelled, started)


def _already(found: Found, folder: RunFolder) -> int:
    done = folder.done()
    return sum(stretch.size(part) for stretch in found.stretches for part in stretch.parts if part in done)


def _identity(what: LabelDigits | LabelForms, kind: Kind[Any], model: ModelFolder, found: Found) -> dict[str, Any]:
    """All that the rows depend on."""
    files = json.dumps(model.manifest["files"], sort_keys=True)
    return {
        "work": kind.name,
        "input": what.input,
        "files of the input": found.fingerprint,
        **kind.identity(),
        "model": model.reference,
        "files of the model": hashlib.sha256(files.encode()).hexdigest(),
        "engine": what.engine,
        "precision": what.precision,
        "accept-above": what.accepted_above(model),
        "format": what.format,
    }


if __name__ == "__main__":
    run(Label, main)
