"""What a reader makes of a batch, without Ray: the rows of bulk, with the columns that name the item."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipelines.documents.limits import Limits
from pipelines.files.paths import printable
from pipelines.forms.synthesis.designs import meter
from pipelines.forms.synthesis.forms import synthesise, write_blank_pages
from pipelines.inference.outcome import Reason, ReasonCode, Status
from pipelines.labeling.forms.labeler import LineModel, PictureOptions
from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.labeling.forms.workload import FormWorkload
from pipelines.labeling.workload import ReaderConfig
from pipelines.models.folder import open_model
from pipelines.models.store import store_location
from pipelines.streaming.sink import STREAM_COLUMNS
from pipelines.streaming.source import Arrival
from pipelines.streaming.work import DigitWork, FormWork, lost_item, read_batch
from tests.lines import shipped

READING = ReaderConfig("builtin", open_model("builtin").digest, store_location(None), "onnxruntime", "fp32", 1, 0.9)
LINES = LineModel(shipped().model, shipped().digest, shipped().accepted_above)
LANDED = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def arrival(key: str, content: bytes) -> Arrival:
    return Arrival(key, "7", f"folder/{printable(key)}", LANDED.timestamp(), content)


def test_a_scan_of_several_pages_has_rows_for_each_and_a_damaged_one_has_one(tmp_path: Path) -> None:
    card = next(one for one in write_blank_pages(tmp_path) if one.name == "meter")
    pages = [Image.fromarray(scan.image) for scan in synthesise(2, 4, "easy", (meter(),))]
    document = io.BytesIO()
    pages[0].save(document, "TIFF", save_all=True, append_images=pages[1:])
    work = FormWork(FormWorkload([card], PictureOptions("none"), LINES), [card], Limits())
    batch = [arrival("two.tiff", document.getvalue()), arrival("broken.pdf", b"%PDF-1.7 and nothing else")]
    read = read_batch(work.reader(READING), batch)
    assert read.rows.schema.names == [*FORM_SCHEMA.names, *STREAM_COLUMNS.names]
    assert read.failed == [False, True]
    rows = read.rows.to_pylist()
    assert [(row["key"], row["page"]) for row in rows] == [
        *(("two.tiff", page) for page in (1, 2) for _ in card.fields),
        ("broken.pdf", 1),
    ]
    assert {(row["at"], row["arrived_at"]) for row in rows} == {("7", LANDED)}
    assert rows[-1]["reason_code"] == ReasonCode.UNREADABLE_FILE


def test_digits_have_a_row_each_and_the_same_content_the_same_digest() -> None:
    picture = cv2.imencode(".png", np.full((28, 28), 255, np.uint8))[1].tobytes()
    batch = [arrival("a", picture), arrival("b", b"no image"), arrival("caf\udce9", picture)]
    read = read_batch(DigitWork().reader(READING), batch)
    rows = read.rows.to_pylist()
    assert read.failed == [False, True, False]
    assert [row["key"] for row in rows] == ["a", "b", "caf\\xe9"]
    assert rows[0]["digest"] == rows[2]["digest"] != rows[1]["digest"]


def test_an_item_that_cannot_be_read_at_all_has_a_row_that_says_why() -> None:
    reason = Reason(ReasonCode.TIMEOUT, "it took too long")
    read = lost_item(DigitWork(), arrival("a", b""), reason, "builtin:1")
    [row] = read.rows.to_pylist()
    assert (row["status"], row["reason_code"], row["item"], row["key"]) == (Status.ERROR, "timeout", 0, "a")
    assert read.failed == [True]
