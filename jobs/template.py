#!/usr/bin/env python
"""Draft a form's template from its blank page, and check how a template fits a scan."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, configure

from jobs._cli import run
from pipelines.documents.limits import Limits
from pipelines.documents.pdf import is_pdf
from pipelines.documents.pool import DocumentPool
from pipelines.errors import DataError, UsageError
from pipelines.files.atomic import refuse_existing, write_named
from pipelines.forms.drafting.attempt_picture import draw_attempt
from pipelines.forms.drafting.draft import draft, draw_template
from pipelines.forms.registration.page_size import page_size, said_size
from pipelines.forms.registration.register import NotRegistered, register
from pipelines.forms.template import Template
from pipelines.forms.templates.loading import load_template, write_template

PDF_DPI = 200
DPI = (50, 1200)
NAME = re.compile(r"\w[\w.-]*")


@dataclass
class Draft:
    """Find the fields of a blank form, and write a template, an image of the blank page and one of the fields found.

    inkray template draft blank.pdf --out invoice.yaml

    It finds combs, boxes, squares to tick and corner marks, and names the fields comb1, box2, mark3 in reading order.
    Rename them, and delete what is not a field. Next to invoice.yaml it writes invoice.png, which scans are aligned
    with, and invoice.found.png, which shows the fields found.
    """

    blank: Annotated[Positional[Path], arg(metavar="BLANK")]
    """The blank page: a PDF, PNG, JPEG, TIFF, BMP or WebP file."""
    out: Path
    """The template to write, FORM.yaml."""
    name: str | None = None
    """The name of the template; by default that of the file."""
    page: int = 1
    """The number of the page, in a file that has several."""
    dpi: float | None = None
    """The picture's dots per inch; without it, its shape decides between A4 and Letter. A PDF states its own size."""
    size: str | None = None
    """The size of what the picture shows: a paper such as A5, 210x297mm, or the width alone, such as 80mm for a
    receipt."""
    overwrite: bool = False
    """Replace an existing template and its pictures."""


@dataclass
class Check:
    """Align a scan with its template and draw the template's fields over it.

    inkray template check invoice.yaml scan.png --out overlay.png
    """

    template: Annotated[Positional[Path], arg(metavar="TEMPLATE")]
    """The template, a YAML file."""
    scan: Annotated[Positional[Path], arg(metavar="SCAN")]
    """The filled-in page: a PDF, PNG, JPEG, TIFF, BMP or WebP file."""
    out: Path
    """The PNG to write the overlay to. If the scan does not fit, it shows what was found of the form and what not."""
    page: int = 1
    """The number of the page, in a file that has several."""


@configure(OmitSubcommandPrefixes, OmitArgPrefixes, FlagCreatePairsOff)
@dataclass
class Templates:
    """Draft a form's template from its blank page, and check how a template fits a scan."""

    command: Draft | Check


def main(options: Templates) -> None:
    match options.command:
        case Draft():
            print(draft_from(options.command))
        case Check():
            print(check(options.command))


def draft_from(options: Draft) -> str:
    name = options.name or options.out.stem
    _check_draft(options, name)
    picture, found = _pictures(options.out)
    for path in (options.out, found, *([] if _is_same(picture, options.blank) else [picture])):
        refuse_existing(path, options.overwrite)
    content = _read(options.blank)
    if is_pdf(content) and (options.dpi is not None or options.size is not None):
        raise UsageError(f"{options.blank} is a PDF, which knows its size; leave out --dpi and --size.")
    page = _page(content, options.blank, options.page)
    drafted = draft(page, name, *_size(page, PDF_DPI if is_pdf(content) else options.dpi, options.size))
    if not drafted.fields:
        raise DataError(
            f"{options.blank}, page {options.page}: no comb, box or square was found on the page; "
            "give a sharper picture of it, or write the template by hand."
        )
    return _write(drafted, page, options)


def _size(page: NDArray[np.uint8], dpi: float | None, said: str | None) -> tuple[float, float]:
    height, width = page.shape
    return page_size(width, height, dpi) if said is None else said_size(said, width, height)


def _pictures(out: Path) -> tuple[Path, Path]:
    return out.with_suffix(".png"), out.with_suffix(".found.png")


def _is_same(picture: Path, blank: Path) -> bool:
    """Whether the picture to write is the blank page's own file, which then stays as it is."""
    return picture.exists() and blank.exists() and picture.samefile(blank)


def _write(drafted: Template, page: NDArray[np.uint8], options: Draft) -> str:
    out = options.out
    picture, found = _pictures(out)
    if not _is_same(picture, options.blank):
        _save(picture, page)
    _save(found, draw_template(page, drafted))
    write_template(replace(drafted, register=replace(drafted.register, reference=picture)), out)
    kinds = [field.kind for field in drafted.fields]
    counts = {
        "comb": kinds.count("digits"),
        "box": kinds.count("number") + kinds.count("text_image"),
        "square to tick": kinds.count("mark"),
        "corner mark": len(drafted.register.corners),
    }
    found_fields = ", ".join(_count(word, count) for word, count in counts.items() if count)
    return f"{out}: {found_fields}, on {drafted.width:g} x {drafted.height:g} mm; look at {found}, then name the fields"


def _count(word: str, count: int) -> str:
    plural = {"box": "boxes", "square to tick": "squares to tick"}.get(word, f"{word}s")
    return f"{count} {word if count == 1 else plural}"


def check(options: Check) -> str:
    if options.page < 1:
        raise UsageError(f"--page is {options.page}; pages count from 1.")
    template = load_template(options.template)
    page = _page(_read(options.scan), options.scan, options.page)
    try:
        straight = register(page, template)
    except NotRegistered as error:
        _save(options.out, draw_attempt(page, template, error.attempt))
        raise DataError(
            f"{options.scan}: {error} {options.out} shows the form and the scan, with what was found in green and what "
            "was not in red."
        ) from error
    _save(options.out, draw_template(straight.image, template))
    return (
        f"{options.out}: {_count('field', len(template.fields))} of {template.name} on the scan, which lies within "
        f"{straight.residual_mm:.2f} mm and was turned by {straight.turned} degrees"
    )


def _check_draft(options: Draft, name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a template; use letters, digits, '.', '_' and '-', with --name.")
    if options.out.suffix not in (".yaml", ".yml"):
        raise UsageError(f"--out {options.out} is no template's name; it must end in .yaml.")
    if options.page < 1:
        raise UsageError(f"--page is {options.page}; pages count from 1.")
    if options.dpi is not None and options.size is not None:
        raise UsageError("--dpi and --size both say how large the page is; say one of them.")
    if options.dpi is not None and not DPI[0] <= options.dpi <= DPI[1]:
        raise UsageError(f"--dpi is {options.dpi:g}; it must be from {DPI[0]} to {DPI[1]}.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error


def _page(content: bytes, path: Path, number: int) -> NDArray[np.uint8]:
    with DocumentPool(limits=Limits(PDF_DPI)) as pool, pool.open(content, str(path)) as document:
        return document.page(number - 1)


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    done, encoded = cv2.imencode(".png", picture)
    if not done:
        raise DataError(f"{path}: the picture could not be made a PNG.")
    write_named(path, encoded.tobytes())


def command() -> None:
    run(Templates, main)


if __name__ == "__main__":
    command()
