#!/usr/bin/env python
"""Label images in bulk: a place full of them in, a table with a row for every one out."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from jobs._cli import run
from pipelines.engines.opening import OPENERS
from pipelines.errors import UnknownName, UsageError
from pipelines.labeling.inputs import find_input
from pipelines.labeling.inputs.base import Found
from pipelines.labeling.labeler import Reading
from pipelines.labeling.progress import Display
from pipelines.labeling.room import free_nodes, make_room
from pipelines.labeling.run import Work, label, sum_up
from pipelines.labeling.run_folder import RunFolder, open_run
from pipelines.model_folder import ModelFolder, open_model
from pipelines.model_store import ModelStore
from pipelines.ray_session import ray_session

FINISHED_WITH_ERRORS = 3


@dataclass(frozen=True, kw_only=True)
class Label:
    """Label images in bulk: a place full of them in, a table with a row for every one out.

    python jobs/label.py digits scans/ labels/

    Exit code 0: all well; 3: finished, and some items could not be read (each has its row, with the reason);
    1: failed, start it again to go on; 2: bad usage.
    """

    what: Positional[Literal["digits"]]
    """What is in each image: one digit."""
    input: Positional[Annotated[str, arg(metavar="INPUT")]]
    """A folder of images, a pattern like 'scans/**/*.png', parquet, IDX, zip or tar; a path or an URI (s3://, gs://)."""
    output: Positional[Annotated[Path, arg(metavar="OUTPUT")]]
    """A folder for rows, summary and report, which every node sees. Started again, a run goes on where it ended."""
    model: Annotated[str, arg(metavar="NAME[:VERSION]")] = "builtin"
    """A model of the store: its newest version, or the one with this number or alias. builtin comes with inkray."""
    engine: str = "auto"
    """auto, openvino, onnxruntime, tensorrt, tensorrt_rtx or pytorch."""
    precision: str = "auto"
    """What the engine computes in: auto, fp32, bf16, fp16 or int8, as far as it can and the model has the graph."""
    column: str | None = None
    """The column of images in parquet, where it is not clear."""
    accept_above: float | None = None
    """Less sure readings get the status review. By default the confidence above which the model was right in 99.9 %
    of its test images, if it was tested."""
    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    """Of the rows."""
    min_actors: int | None = None
    """Readers that are always there; by default 1."""
    max_actors: int | None = None
    """Readers at most; by default as many as fit into what is free."""
    threads: int | None = None
    """Threads of each reader; by default a node's CPUs, 4 at most."""
    gpus_per_actor: float = 0
    """A share such as 0.25 puts four readers on one GPU."""
    deadline: float = 600
    """Seconds after which a part of the input is given up and its items are tried one by one."""
    fresh: bool = False
    """Start over, and drop the rows there are."""
    fail_on_error: bool = False
    """Exit with 1 in place of 3 if an item could not be read."""
    store: str | None = None
    """The model store; by default INKRAY_STORE, else ~/inkray/store."""


def main(what: Label) -> None:
    started, console = time.time(), Console()
    _check(what)
    model = open_model(what.model, ModelStore(what.store) if what.store else None)
    found = find_input(what.input, what.column)
    accept = _accept_above(what, model)
    output = what.output.expanduser().absolute()
    with open_run(output, what.format, _identity(what, model, found, accept), what.fresh) as folder:
        summary = folder.summary()
        if summary:
            console.print(f"{output} is finished already; --fresh would start over.", highlight=False, soft_wrap=True)
        else:
            summary = _label(what, model, found, folder, accept, console, started)
    _say(summary, output, console)
    if summary["status"].get("error"):
        sys.exit(1 if what.fail_on_error else FINISHED_WITH_ERRORS)


def _label(
    what: Label,
    model: ModelFolder,
    found: Found,
    folder: RunFolder,
    accept: float,
    console: Console,
    started: float,
) -> dict[str, Any]:
    already = _already(found, folder)
    with ray_session(), Display(console, found.count, already) as display:
        room = make_room(free_nodes(), what.threads, what.gpus_per_actor, what.min_actors, what.max_actors)
        display.line(
            f"{found.count:,} items in {what.input}, {room.min_actors} to {room.max_actors} readers of "
            f"{room.threads} threads, model {model.reference}"
        )
        for remark in (*found.remarks, *([room.remark] if room.remark else [])):
            display.line(remark)
        if already:
            display.line(f"going on after {already:,} items")
        reading = Reading(model.reference, what.store, what.engine, what.precision, room.threads, accept)
        work = Work(found, folder, reading, room, what.deadline)
        labelled = label(work, display)
    told = {"input": what.input, "model": model.reference, "accept_above": accept, "format": what.format}
    return sum_up(work, told, labelled, started)


def _already(found: Found, folder: RunFolder) -> int:
    done = folder.done()
    return sum(stretch.size(part) for stretch in found.stretches for part in stretch.parts if part in done)


def _check(what: Label) -> None:
    if what.engine not in ("auto", *OPENERS):
        raise UnknownName("engine", what.engine, ["auto", *OPENERS])
    least, most = what.min_actors or 1, what.max_actors
    if most is not None and least > most:
        raise UsageError(f"--min-actors {least} is more than --max-actors {most}.")
    for name, value, sensible, expected in (
        ("min-actors", what.min_actors, what.min_actors is None or what.min_actors >= 1, "at least 1"),
        ("max-actors", what.max_actors, what.max_actors is None or what.max_actors >= 1, "at least 1"),
        ("threads", what.threads, what.threads is None or what.threads >= 1, "at least 1"),
        ("gpus-per-actor", what.gpus_per_actor, what.gpus_per_actor >= 0, "0 or more"),
        ("deadline", what.deadline, what.deadline > 0, "above 0"),
        ("accept-above", what.accept_above, 0 <= (what.accept_above or 0) <= 1, "from 0 to 1"),
    ):
        if not sensible:
            raise UsageError(f"--{name} is {value:g}; it must be {expected}.")


def _accept_above(what: Label, model: ModelFolder) -> float:
    if what.accept_above is not None:
        return what.accept_above
    test = (model.manifest.get("metrics") or {}).get("test") or {}
    return float(test.get("accepted_above") or 0.0)


def _identity(what: Label, model: ModelFolder, found: Found, accept: float) -> dict[str, Any]:
    """All that the rows depend on."""
    files = json.dumps(model.manifest["files"], sort_keys=True)
    return {
        "input": what.input,
        "files of the input": found.fingerprint,
        "model": model.reference,
        "files of the model": hashlib.sha256(files.encode()).hexdigest(),
        "engine": what.engine,
        "precision": what.precision,
        "accept-above": accept,
        "format": what.format,
    }


def _say(summary: dict[str, Any], output: Path, console: Console) -> None:
    status = summary["status"]
    console.print(
        f"{summary['items']:,} items: {status.get('ok', 0):,} ok, {status.get('review', 0):,} to review, "
        f"{status.get('error', 0):,} errors; {summary['images_per_second']:,.0f} a second on "
        f"{', '.join(summary['engines'])}; rows and report.html in {output}",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    run(Label, main)
