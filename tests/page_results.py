"""Pages as they come from the reader, made up, for the tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from pipelines.files.storage import LocalStorage
from pipelines.forms.registration.registered_page import DOTS_PER_MM
from pipelines.forms.results import Candidate, CellReading, FieldReading, PageResult
from pipelines.forms.template import Box, Field, Register, Template
from pipelines.inference.outcome import Reason, ReasonCode, Status
from pipelines.labeling.forms.evidence import evidence, evidence_name
from pipelines.labeling.forms.rows import FORM_SCHEMA, ReadBy, to_rows
from pipelines.labeling.run_folder import LabelingRunFolder

CARD = Template(
    "card",
    90,
    60,
    Register("none"),
    (
        Field("number", "digits", Box(10, 10, 30, 8), cells=5),
        Field("amount", "number", Box(10, 30, 40, 8)),
    ),
)


def two_paged(number: int, form: str = "claim") -> Template:
    return Template(f"{form}-{number}", 90, 60, Register("none"), CARD.fields, page=number, pages=2, form=form)


def picture(seed: int = 0) -> bytes:
    """A page with some scrawl that no other seed has."""
    page = np.full((60 * DOTS_PER_MM, 90 * DOTS_PER_MM), 255, np.uint8)
    points = np.random.default_rng(seed).integers(20, 460, (9, 2))
    cv2.polylines(page, [points.astype(np.int32)], False, 0, 5, cv2.LINE_AA)
    return cv2.imencode(".jpg", page)[1].tobytes()


def field_read(
    field: Field, value: str | None, status: str = "ok", sure: float = 0.99, reason: str | None = None
) -> FieldReading:
    wide = field.box.width / 5
    cells = tuple(
        CellReading(
            label, sure, Box(field.box.left + at * wide, field.box.top, wide, 8), False, np.zeros(10, np.float32)
        )
        for at, label in enumerate(value or "")
    )
    why = Reason(ReasonCode.LOW_CONFIDENCE, reason) if reason else None
    return FieldReading(field, value, sure, Status(status), why, cells, (Candidate("777", 0.01),))


def page_read(
    source: str, page: int = 1, template: Template = CARD, seed: int = 0, **fields: tuple[str | None, str, float]
) -> PageResult:
    """With every field as given (value, status, confidence), or sure of 12345."""
    told = {one.name: fields.get(one.name, ("12345", "ok", 0.99)) for one in template.fields}
    read = {
        name: field_read(template.field_named(name), value, status, sure, None if status == "ok" else f"{name} is odd")
        for name, (value, status, sure) in told.items()
    }
    return PageResult(source, page, template, read, None, picture(seed))


def unread(source: str, reason: str, page: int = 1) -> PageResult:
    return PageResult(source, page, None, {}, Reason(ReasonCode.UNREADABLE_FILE, reason), b"")


def form_folder(path: Path, *parts: Iterable[PageResult], format: str = "parquet") -> LabelingRunFolder:
    """A run whose parts hold these pages."""
    folder = LabelingRunFolder(LocalStorage(path), format, FORM_SCHEMA)
    for part, pages in enumerate(parts):
        write_pages(folder, part, pages)
    return folder


def write_pages(folder: LabelingRunFolder, shard: int, pages: Iterable[PageResult]) -> None:
    """What a reader writes of these pages."""
    results = list(pages)
    names = [f"page-{shard}-{index}" for index in range(len(results))]
    files = {evidence_name(shard, 0): evidence(results, names)}
    by = ReadBy("onnxruntime fp32", "ink:1"), ReadBy("onnxruntime fp32", "lines:1")
    folder.write(shard, to_rows(results, *by), files)
