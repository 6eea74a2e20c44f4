#!/usr/bin/env python
"""Show in a minute and without any data what inkray does: read filled-in forms and check the results."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
from rich.table import Table

from jobs._cli import run
from jobs._console import open_console
from jobs._label_options import LabelForms, labeling_request
from pipelines.errors import UsageError
from pipelines.files import paths
from pipelines.forms.drafting.draft import draft
from pipelines.forms.scoring import Score, score
from pipelines.forms.synthesis.designs import Design, invoice
from pipelines.forms.synthesis.forms import synthesise
from pipelines.forms.template import Box, Template
from pipelines.forms.templates.loading import write_template
from pipelines.inference.outcome import Status
from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.labeling.progress import LabelingDisplay
from pipelines.labeling.rows import read_shards
from pipelines.labeling.run import read_in_bulk

COLOURS = {Status.OK: "green", Status.REVIEW: "yellow", Status.ERROR: "red"}
MARK = "EMPTIED-BY-EACH-DEMO.txt"
SAME_FIELD = 0.5
"""Boxes that overlap by at least this much are the same field."""

Answers = dict[str, dict[str, str]]
"""What is written on each scan, by file and field."""


@dataclass(frozen=True)
class Demo:
    """Fill in forms with a simulated pen, scan them, draft the template from the blank form, read the scans with the
    built-in model, and compare the results with what was written.

    inkray demo
    """

    scans: int = 24
    """How many forms to fill in."""
    seed: int = 0
    """The random seed of the handwriting and the numbers."""


def main(options: Demo) -> None:
    if options.scans < 1:
        raise UsageError(f"--scans is {options.scans}; it must be at least 1.")
    console, folder, design = open_console(), paths.home() / "demo", invoice()
    begin(folder)
    console.rule(f"{options.scans} forms are filled in and scanned, and the blank one is drafted", align="left")
    answers = write_scans(folder / "scans", design, options.scans, options.seed)
    template = write_draft(folder, design)
    console.print(
        f"{len(answers)} scans in {folder / 'scans'}, the template {template}", highlight=False, soft_wrap=True
    )
    console.rule("the scans are read", align="left")
    labels = folder / "labels"
    what = LabelForms(input=str(folder / "scans"), output=str(labels), template=(template,), overlays="all")
    read_in_bulk(labeling_request(what), LabelingDisplay(open_console(markup=False)))
    rows = [row for shard in read_shards(labels / "rows", "parquet", FORM_SCHEMA) for row in shard.to_pylist()]
    console.print(_table(rows, answers))
    for line in (*_wrong(rows, answers), _in_words(score(rows, answers))):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"to look at: {labels / 'report.html'} and {labels / 'overlay'}", highlight=False, soft_wrap=True)


def begin(folder: Path) -> None:
    """Make an empty folder; an existing one is emptied only if the demo made it."""
    if folder.exists() and not (folder / MARK).is_file():
        raise UsageError(
            f"{folder} is there already and was not made by the demo, which would empty it; "
            "move it away, or name another home in INKRAY_HOME."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("Each `inkray demo` empties this folder: keep nothing here that is yours.\n")


def write_scans(folder: Path, design: Design, count: int, seed: int) -> Answers:
    folder.mkdir(parents=True)
    answers = {}
    for scan in synthesise(count, seed, "usual", (design,)):
        path = folder / f"{scan.name}.png"
        path.write_bytes(cv2.imencode(".png", scan.image)[1].tobytes())
        answers[str(path)] = scan.answers
    return answers


def write_draft(folder: Path, design: Design) -> Path:
    """Draft the template from the blank page, with the names and rules that a person would add."""
    blank, known = design.blank_page(200), design.template
    picture, path = folder / f"{known.name}.png", folder / f"{known.name}.yaml"
    picture.write_bytes(cv2.imencode(".png", blank)[1].tobytes())
    drafted = draft(blank, known.name, known.width, known.height)
    named = name_fields(replace(drafted, register=replace(drafted.register, reference=picture)), known)
    write_template(named, path)
    return path


def name_fields(drafted: Template, known: Template) -> Template:
    """Give drafted fields the names and constraints of the known fields they overlap, and drop the others."""
    fields = []
    for field in known.fields:
        found = max(drafted.fields, key=lambda one: overlap(one.box, field.box))
        if overlap(found.box, field.box) >= SAME_FIELD:
            fields.append(replace(field, box=found.box, cells=found.cells, cell_boxes=found.cell_boxes))
    return replace(drafted, fields=tuple(fields), rules=known.rules)


def overlap(one: Box, other: Box) -> float:
    """The intersection over union of two boxes."""
    across = max(0.0, min(one.right, other.right) - max(one.left, other.left))
    down = max(0.0, min(one.bottom, other.bottom) - max(one.top, other.top))
    both = across * down
    return both / (one.width * one.height + other.width * other.height - both)


def _table(rows: list[dict[str, Any]], answers: Answers) -> Table:
    """A table with one line per scan; values that need a review are marked with a question mark."""
    fields = list(dict.fromkeys(row["field"] for row in rows if row["field"] and row["value"] is not None))
    table = Table("scan", box=None)
    for field in fields:
        table.add_column(field, no_wrap=True)
    for source in answers:
        read = {row["field"]: row for row in rows if row["source"] == source}
        table.add_row(_number(source), *(_shown(read.get(field)) for field in fields))
    return table


def _shown(row: dict[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "[red]-[/]"
    return f"[{COLOURS[row['status']]}]{row['value'] or '·'}{'' if row['status'] == Status.OK else '?'}[/]"


def _wrong(rows: list[dict[str, Any]], answers: Answers) -> Iterator[str]:
    for row in rows:
        written = answers[row["source"]].get(row["field"])
        if written is not None and row["value"] != written:
            yield (
                f"{_number(row['source'])}: {row['field']} was read as {row['value'] or 'blank'} ({row['status']}), "
                f"and {written or 'nothing'} is written"
            )


def _number(source: str) -> str:
    return Path(source).stem.rpartition("-")[2]


def _in_words(found: Score) -> str:
    return (
        f"{found.right:,} of {found.fields:,} fields are as they were written; "
        f"{found.ok:,} have the status ok, and {found.ok_right:,} of those are right"
    )


def command() -> None:
    run(Demo, main)


if __name__ == "__main__":
    command()
