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
from pipelines import places
from pipelines.labeling.inputs.base import Found
from pipelines.labeling.inputs.places import shown
from pipelines.labeling.kind import Kind, Reading
from pipelines.labeling.pipeline import Orders
from pipelines.labeling.progress import Display
from pipelines.labeling.room import make_room
from pipelines.labeling.run import Work, label, sum_up
from pipelines.labeling.run_folder import RunFolder, open_run
from pipelines.model_folder import ModelFolder
from pipelines.model_store import whereabouts
from pipelines.nodes import free_nodes
from pipelines.ray_session import ray_session

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
    kind = what.kind(models)
    output = places.folder(what.output, "rows")
    found = what.found(output)
    identity = _identity(what, kind, models[0], found)
    with open_run(output, what.format, identity, what.fresh, kind.schema) as folder:
        summary = folder.summary()
        if summary:
            console.print(f"{output} is finished already; --fresh would start over.", highlight=False, soft_wrap=True)
        else:
            summary = _label(what, kind, models, found, folder, console, started)
    console.print(f"{kind.told(summary)}; {kind.results} in {output}", highlight=False, soft_wrap=True)
    return summary


def _label(
    what: LabelDigits | LabelForms,
    kind: Kind[Any],
    models: Sequence[ModelFolder],
    found: Found,
    folder: RunFolder,
    console: Console,
    started: float,
) -> dict[str, Any]:
    model = models[0]
    already, accept = _already(found, folder), what.accepted_above(model)
    with ray_session(), Display(console, found.count, already, kind.items) as display:
        room = make_room(free_nodes(), what.threads, what.gpus_per_actor, what.min_actors, what.max_actors, kind.needs)
        display.line(
            f"{found.count:,} {kind.items} in {shown(what.input)}, {room.min_actors} to {room.max_actors} readers of "
            f"{room.threads} threads, model {model.reference}"
        )
        for remark in (*found.remarks, room.remark, *(untested(what, one) for one in models)):
            if remark:
                display.line(remark)
        if already:
            display.line(f"going on after {already:,} {kind.items}")
        store = whereabouts(what.store)
        reading = Reading(model.reference, model.digest, store, what.engine, what.precision, room.threads, accept)
        work = Work(Orders(kind, found.input, folder, reading, room, what.deadline), found)
        labelled = label(work, display)
    told = {"input": shown(what.input), "model": model.reference, "accept_above": accept, "format": what.format}
    return sum_up(work, told, labelled, started)


def untested(what: LabelDigits | LabelForms, model: ModelFolder) -> str | None:
    """What there is to say where nobody states from which confidence on a reading is ok."""
    if what.accept_above is not None or model.accepted_above:
        return None
    return (
        f"all that {model.reference} reads counts as ok, however unsure, since it was tested on no images, or on too "
        "few to say how sure is sure enough; give --accept-above"
    )


def _already(found: Found, folder: RunFolder) -> int:
    done = folder.done()
    return sum(stretch.size(part) for stretch in found.stretches for part in stretch.parts if part in done)


def _identity(what: LabelDigits | LabelForms, kind: Kind[Any], model: ModelFolder, found: Found) -> dict[str, Any]:
    """All that the rows depend on."""
    return {
        "work": kind.name,
        "input": shown(what.input),
        "files of the input": found.fingerprint,
        **kind.identity(),
        "model": model.reference,
        "files of the model": model.digest,
        "engine": what.engine,
        "precision": what.precision,
        "accept-above": what.accepted_above(model),
        "format": what.format,
    }


if __name__ == "__main__":
    run(Label, main)
