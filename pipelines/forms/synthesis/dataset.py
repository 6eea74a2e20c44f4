"""A folder of synthetic forms: the scans, the templates with their blank pages, and the answers on each scan."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

from PIL import Image

from pipelines.files.atomic import atomic_folder
from pipelines.forms.synthesis.forms import Scan, synthesise, write_blank_pages
from pipelines.forms.synthesis.scanning import Level
from pipelines.forms.templates.writing import write_template

FileKind = Literal["png", "tiff", "pdf"]
TRUTH = ("scan", "template", "field", "value")


def write_forms(out: Path, count: int, level: Level, seed: int, kind: FileKind) -> None:
    """Write `scans/`, `templates/` and `truth.csv`, which has one line per field that is read; all of it or nothing."""
    with atomic_folder(out) as fresh:
        _write_into(fresh, count, level, seed, kind)


def _write_into(out: Path, count: int, level: Level, seed: int, kind: FileKind) -> None:
    for template in write_blank_pages(out / "templates"):
        write_template(template, out / "templates" / f"{template.name}.yaml")
    (out / "scans").mkdir()
    with (out / "truth.csv").open("w", newline="") as file:
        truth = csv.writer(file)
        truth.writerow(TRUTH)
        for scan in synthesise(count, seed, level):
            name = f"{scan.name}.{kind}"
            (out / "scans" / name).write_bytes(as_file(scan, kind))
            truth.writerows((name, scan.template.name, field, value) for field, value in scan.answers.items())


def as_file(scan: Scan, kind: FileKind) -> bytes:
    content = io.BytesIO()
    image = Image.fromarray(scan.image)
    # Black and white is stored with one bit per pixel, as in a fax.
    flat = scan.image.min() == 0 and not ((scan.image > 0) & (scan.image < 255)).any()
    if kind == "tiff" and flat:
        image.convert("1").save(content, "TIFF", compression="group4", dpi=(scan.dpi, scan.dpi))
    elif kind == "tiff":
        image.save(content, "TIFF", compression="tiff_lzw", dpi=(scan.dpi, scan.dpi))
    elif kind == "pdf":
        image.save(content, "PDF", resolution=scan.dpi)
    else:
        image.save(content, "PNG", dpi=(scan.dpi, scan.dpi), compress_level=3)
    return content.getvalue()
