"""Accuracy on synthetic scans of forms, and whether the status `ok` can be trusted."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import cv2
from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from pipelines.documents.document import open_document
from pipelines.files.atomic import write_json
from pipelines.forms.fields import PreparedPage
from pipelines.forms.pipeline import prepare_page, read_pages
from pipelines.forms.results import Acceptance, PageResult
from pipelines.forms.scoring import Score, checked_fields, score
from pipelines.forms.synthesis.forms import synthesise_one, write_blank_pages
from pipelines.forms.synthesis.scanning import Level
from pipelines.forms.template import Template
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.inference.outcome import Status, reason_columns
from pipelines.inference.recognizer import Recognizer
from pipelines.models.folder import open_model


@dataclass(frozen=True)
class Trial:
    """A synthetic page and what was read on it."""

    form: Template
    """The template of the page; for a foreign page, one that the reader was not given."""
    answers: dict[str, str]
    result: PageResult

    @property
    def is_found(self) -> bool:
        return self.result.template is not None and self.result.template.name == self.form.name


@dataclass(frozen=True)
class Trust:
    pages: int
    found: int
    """How many pages were aligned with their own form."""
    foreign: int
    mistaken: int
    """How many foreign pages were taken for a form that they are not."""
    all: Score
    checked: Score
    """The score of fields under a checksum or a sum."""


@dataclass(frozen=True)
class FormsAccuracy:
    """How many made-up pages are found to be their form, how many foreign ones are not, how many fields are right, and
    how many of those that are said to be ok."""

    pages: int = 500
    foreign: int = 100
    """Pages that are read without the template of their own form."""
    level: Level = "hard"
    """How badly the pages are scanned: easy, usual or hard."""
    seed: int = 0
    model: str = "builtin"
    accept_above: float | None = None
    """The confidence from which on a field is ok; by default what the manifest of the model says that reads it."""
    processes: int | None = None
    """Number of processes; by default one per core."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None
    """A JSON file for the numbers and everything that was read wrong."""

    def run(self) -> None:
        console = open_console()
        with TemporaryDirectory(prefix="inkray-") as scratch:
            trials = list(self._trials(write_blank_pages(Path(scratch))))
        known, foreign = trials[: self.pages], trials[self.pages :]
        trust, wrong = measure(known, foreign), [row for trial in known for row in wrong_fields(trial)]
        for row in wrong:
            if row["status"] != Status.REVIEW:
                console.print(_in_words(row), highlight=False, soft_wrap=True)
        console.print(table_of(trust))
        write_json(self.json, {"trust": asdict(trust), "wrong": wrong})

    def _trials(self, templates: Sequence[Template]) -> Iterator[Trial]:
        """Trials of known forms first, then those of foreign ones."""
        forms = {one.name: one for one in templates}
        numbers, known = range(self.pages + self.foreign), [True] * self.pages + [False] * self.foreign
        prepare = partial(_prepared, templates=templates, seed=self.seed, level=self.level)
        # A forked process would inherit locks held by threads of the engine that it does not have.
        pool = ProcessPoolExecutor(self.processes or os.cpu_count(), multiprocessing.get_context("spawn"))
        lines = LineRecognizer(threads=1)
        accept = Acceptance.by(self.accept_above, open_model(self.model).accepted_above, lines.accepted_above)
        with pool, Recognizer(self.model, threads=1) as recognizer:
            for form, answers, page in pool.map(prepare, numbers, known, chunksize=4):
                [result] = read_pages([page], recognizer, lines, accept)
                yield Trial(forms[form], answers, result)


def _prepared(
    number: int, known: bool, templates: Sequence[Template], seed: int, level: Level
) -> tuple[str, dict[str, str], PreparedPage]:
    """The page's form, what is written on it, and the page ready to be read."""
    cv2.setNumThreads(1)
    scan = synthesise_one(number, seed, level)
    among = [one for one in templates if known or one.name != scan.template.name]
    content = cv2.imencode(".png", scan.image)[1].tobytes()
    name = f"{number:04d} {scan.template.name}"
    with open_document(content, name) as document:
        return scan.template.name, scan.answers, prepare_page(document, name, 0, among)


def measure(known: Sequence[Trial], foreign: Sequence[Trial]) -> Trust:
    rows = [row for trial in known if trial.is_found for row in _rows(trial)]
    answers = {trial.result.source: trial.answers for trial in known}
    checked = {trial.result.source: _checked(trial) for trial in known}
    return Trust(
        pages=len(known),
        found=sum(trial.is_found for trial in known),
        foreign=len(foreign),
        mistaken=sum(trial.result.template is not None for trial in foreign),
        all=score(rows, answers),
        checked=score(rows, checked),
    )


def _rows(trial: Trial) -> Iterator[dict[str, Any]]:
    for name, reading in trial.result.fields.items():
        yield {"source": trial.result.source, "field": name, "value": reading.value, "status": reading.status}


def _checked(trial: Trial) -> dict[str, str]:
    names = checked_fields(trial.form)
    return {name: value for name, value in trial.answers.items() if name in names}


def wrong_fields(trial: Trial) -> Iterator[dict[str, Any]]:
    """A row for each field that was read wrong, or one for a page that was not found."""
    page = {"page": trial.result.source}
    if not trial.is_found:
        yield page | {"status": trial.result.status, **reason_columns(trial.result.reason)}
        return
    for name, written in trial.answers.items():
        reading = trial.result.fields[name]
        if reading.value != written:
            judged = {"status": reading.status, "confidence": reading.confidence, **reason_columns(reading.reason)}
            yield page | {"field": name, "written": written, "read": reading.value} | judged


def _in_words(row: dict[str, Any]) -> str:
    if "field" not in row:
        return f"{row['page']}: {row['reason'] or 'taken for another form'}"
    judged = f"read as {row['read'] or 'blank'} ({row['status']}, {row['confidence']:.3f})"
    return f"{row['page']}: {row['field']} was {judged}, and {row['written'] or 'nothing'} is written"


def table_of(trust: Trust) -> Table:
    """Each figure with its goal."""
    table = Table("", "so many", "of", "share", "wanted")
    for what, count, whole, wanted in (
        ("pages laid straight on their form", trust.found, trust.pages, "99.5 %"),
        ("foreign pages taken for a form", trust.mistaken, trust.foreign, "none"),
        ("fields as they were written", trust.all.right, trust.all.fields, "99 %"),
        ("fields said to be ok that are", trust.all.ok_right, trust.all.ok, "99.8 %"),
        ("the same with a checksum or sum", trust.checked.ok_right, trust.checked.ok, "99.9 %"),
    ):
        table.add_row(what, f"{count:,}", f"{whole:,}", f"{count / whole:.3%}" if whole else "-", wanted)
    return table
