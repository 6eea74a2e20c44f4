"""A run of forms without Ray: what tasks and actors do, one after the other."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.documents.limits import Limits
from pipelines.errors import UsageError
from pipelines.forms.synthesis.designs import meter
from pipelines.forms.synthesis.forms import Scan, synthesise, write_blank_pages
from pipelines.forms.template import Template
from pipelines.inference.outcome import ReasonCode
from pipelines.labeling.forms import page_counts
from pipelines.labeling.forms.labeler import LineModel, PictureOptions
from pipelines.labeling.forms.pages import MAX_PAGES_PER_SHARD, MIN_SHARDS, list_scans
from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.labeling.forms.workload import FormWorkload, fingerprint
from pipelines.labeling.inputs import spool
from pipelines.labeling.inputs.base import FoundInput
from pipelines.labeling.run_folder import LabelingRunFolder, open_run
from pipelines.labeling.summing import total
from pipelines.labeling.workload import ReaderConfig
from pipelines.models.folder import open_model
from pipelines.models.store import store_location
from tests.inputs import Memory, Spread, find_pages, folder_of, touch_later
from tests.lines import shipped
from tests.page_results import CARD, two_paged

READING = ReaderConfig("builtin", open_model("builtin").digest, store_location(None), "onnxruntime", "fp32", 1, 0.9)
LINES = LineModel(shipped().model, shipped().digest, shipped().accepted_above)


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return next(one for one in write_blank_pages(tmp_path_factory.mktemp("blank")) if one.name == "meter")


@pytest.fixture(scope="module")
def filled() -> Scan:
    [scan] = synthesise(1, 4, "easy", (meter(),))
    return scan


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def labelled(workload: FormWorkload, found: FoundInput, folder: LabelingRunFolder) -> list[dict[str, Any]]:
    """All rows, with every shard sent as it would be."""
    labeler = workload.labeler(READING)
    for task in found.tasks:
        for shard in found.input.read(task, task.shards):
            [sent] = workload.from_block(workload.to_block(shard))
            done = labeler.label(sent)
            folder.write(sent.shard, done.rows, done.files)
    workload.finalize(folder, map)
    return [row for rows in folder.shards() for row in rows.to_pylist()]


def test_a_folder_of_scans_becomes_rows_a_wide_table_overlays_crops_and_a_report(
    filled: Scan, card: Template, tmp_path: Path
) -> None:
    scan = png(filled.image)
    white = png(np.full((900, 600), 255, np.uint8))
    scans = folder_of(tmp_path / "in", {"a.png": scan, "b.png": white, "c.png": scan, "d.pdf": b"%PDF-1.4 no"})
    workload, found = (
        FormWorkload([card], PictureOptions("review", crops=True), LINES),
        find_pages(str(scans), [card], Limits(200)),
    )
    with open_run(tmp_path / "out", "parquet", {}, False, FORM_SCHEMA) as folder:
        rows = labelled(workload, found, folder)
        tallied = total(workload.tally, folder, map)
        report = workload.report(folder, tallied.as_dict() | {"input": "in"}, tallied)
    assert (tallied.items, tallied.unread, tallied.fields) == (4, 2, 2 * len(card.fields))
    first = {row["field"]: row for row in rows if row["source"].endswith("a.png")}
    assert {name: first[name]["value"] for name in ("contract", "meter1")} == {
        name: filled.answers[name] for name in ("contract", "meter1")
    }
    assert {row["status"] for row in rows if row["source"].endswith("c.png")} == {"review"}
    reasons = {Path(row["source"]).name: row["reason"] for row in rows if row["field"] is None}
    assert reasons["b.png"] == "the page is blank" and reasons["d.pdf"].startswith("the PDF is damaged")
    assert tallied.reasons["blank_page"] == tallied.reasons["unreadable_file"] == 1
    assert tallied.reasons["duplicate_page"] > 1
    with (tmp_path / "out" / "wide.csv").open(newline="") as file:
        assert [Path(line["source"]).name for line in csv.DictReader(file)] == ["a.png", "b.png", "c.png", "d.pdf"]
    assert "this page is the same as" in report and "the page is blank" in report
    crop = cv2.imread(str(next((tmp_path / "out" / "crops").glob("*a-p1/contract.jpg"))))
    assert crop.shape[1] > crop.shape[0] > 50


@pytest.mark.parametrize(("overlays", "expected"), [("all", 1), ("none", 0)])
def test_overlays_are_of_the_pages_that_were_asked_for(
    overlays: Any, expected: int, filled: Scan, card: Template, tmp_path: Path
) -> None:
    scans = folder_of(tmp_path / "in", {"a.png": png(filled.image)})
    with open_run(tmp_path / "out", "parquet", {}, False, FORM_SCHEMA) as folder:
        labelled(
            FormWorkload([card], PictureOptions(overlays), LINES), find_pages(str(scans), [card], Limits(200)), folder
        )
    pages = list((tmp_path / "out").glob("overlay/*.jpg"))
    assert len(pages) == expected
    for page in pages:
        assert cv2.imread(str(page)).shape == (4 * 297, 4 * 210, 3)


def test_every_page_of_every_file_is_an_item_and_named(tmp_path: Path) -> None:
    many = tmp_path / "in" / "b.tif"
    folder_of(tmp_path / "in", {"a.png": b"", "c.txt": b"", "d.PDF": b"%PDF-1.4 no"})
    cv2.imwritemulti(str(many), [np.full((20, 30), 255, np.uint8)] * 3)
    found = find_pages(str(tmp_path / "in"), [CARD], Limits(200))
    names = [found.input.name(one, shard, index) for one in found.tasks for shard in one.shards for index in range(1)]
    assert [(Path(name).name, page) for name, page in names] == [
        *(("a.png", 1), ("b.tif", 1), ("b.tif", 2), ("b.tif", 3), ("d.PDF", 1))
    ]
    assert found.count == 5 and found.remarks == ("1 files are no scans by their names and are left out",)


def test_only_some_items_of_a_part_are_read_as_if_alone(tmp_path: Path) -> None:
    scans = folder_of(tmp_path / "in", {f"{at:03d}.png": b"no" for at in range(2 * MIN_SHARDS)})
    found = find_pages(str(scans), [CARD], Limits(200))
    [shard] = found.input.read(found.tasks[3], [3], slice(1, 2))
    assert [(Path(page.source).name, page.page) for page in shard.pages] == [("007.png", 1)]


def test_parts_are_small_and_always_the_same(tmp_path: Path) -> None:
    scans = folder_of(tmp_path / "in", {f"{at:04d}.png": b"no" for at in range(MAX_PAGES_PER_SHARD * MIN_SHARDS + 25)})
    one, again = (find_pages(str(scans), [CARD], Limits(200)) for _ in range(2))
    assert [task.sizes for task in one.tasks] == [(MAX_PAGES_PER_SHARD,)] * (MIN_SHARDS + 1) + [(5,)]
    assert one.fingerprint == again.fingerprint
    assert one.fingerprint != find_pages(str(scans), [CARD], Limits(300)).fingerprint


def test_a_place_without_scans_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path / "in", {"a.txt": b""})
    with pytest.raises(UsageError, match=r"holds no scans among its 1 files \(a\.txt\.\.\.\)"):
        find_pages(str(tmp_path / "in"), [CARD], Limits(200))


def test_a_file_of_several_pages_whose_name_tells_of_one_says_so(tmp_path: Path) -> None:
    cv2.imwritemulti(str(tmp_path / "many.tif"), [np.full((20, 30), 255, np.uint8)] * 3)
    (tmp_path / "many.tif").rename(tmp_path / "many.png")
    found = find_pages(str(tmp_path), [CARD], Limits(200))
    [page] = [page for task in found.tasks for shard in found.input.read(task, task.shards) for page in shard.pages]
    assert str(page.reason) == (
        "the file has 3 pages, though .png tells of one; save each as a file of its own, or all as a TIFF or PDF"
    )


def test_a_scan_that_was_replaced_since_it_was_counted_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(np.full((900, 600), 255, np.uint8)))
    found = find_pages(str(tmp_path), [CARD], Limits(200))
    touch_later(tmp_path / "a.png")
    [page] = [page for task in found.tasks for shard in found.input.read(task, task.shards) for page in shard.pages]
    assert page.reason and page.reason.code == ReasonCode.CHANGED_WHILE_READ


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """More documents than are counted at once, in a list of several pieces."""
    monkeypatch.setattr(page_counts, "FEW", 1)
    monkeypatch.setattr(page_counts, "BATCH", 2)
    scans = folder_of(tmp_path / "in", {"a.png": b"", "d.pdf": b"%PDF-1.4 no"})
    for name, pages in {"b.tif": 3, "c.tif": 2, "e.tif": 1}.items():
        cv2.imwritemulti(str(scans / name), [np.full((20, 30), 255, np.uint8)] * pages)
    return scans


@pytest.mark.parametrize("piece", [100, 3])
def test_pages_of_many_documents_are_counted_by_tasks_and_once_for_all_starts(
    piece: int, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [("a.png", 1), *(("b.tif", page) for page in (1, 2, 3)), ("c.tif", 1), ("c.tif", 2)]
    expected += [("d.pdf", 1), ("e.tif", 1)]
    monkeypatch.setattr(spool, "PIECE", piece)
    kept, spread = Memory(), Spread()
    for _ in range(2):
        found = list_scans(str(many), [CARD], Limits(200)).found(kept, spread)
        names = [
            found.input.name(task, shard, index)
            for task in found.tasks
            for shard in task.shards
            for index in range(task.size(shard))
        ]
        assert [(Path(name).name, page) for name, page in names] == expected
        assert found.count == 8 and len({shard for task in found.tasks for shard in task.shards}) == 8
        assert spread.things == 2
    pages = [page for task in found.tasks for shard in found.input.read(task, task.shards) for page in shard.pages]
    assert [(Path(page.source).name, page.page) for page in pages] == expected
    assert {Path(page.source).name for page in pages if "PDF is damaged" in str(page.reason)} == {"d.pdf"}


def test_another_template_is_another_run(card: Template) -> None:
    assert fingerprint([card]) == fingerprint([card])
    assert len({fingerprint(some) for some in ([card], [CARD], [card, CARD], [two_paged(1)], [two_paged(2)])}) == 5


def test_a_link_that_leads_nowhere_is_a_page_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "gone.pdf").symlink_to(tmp_path / "nothing.pdf")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    found = find_pages(str(tmp_path), [CARD], Limits(200))
    pages = [page for task in found.tasks for shard in found.input.read(task, task.shards) for page in shard.pages]
    assert [Path(page.source).name for page in pages] == ["gone", "gone.pdf"]
    assert all(page.reason and "a link to" in page.reason.text for page in pages)
