"""A form's fields are boxed on its picture in the colour of how well they were read."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from tests.serve_app.serving.test_forms import TEMPLATE, filled
from tests.serve_app.web.conftest import NewPage
from tests.serve_app.web.drawings import png
from tests.serve_app.web.open_servers import RunningServer

SHEET = np.full((594, 420), 250, np.uint8)
PICTURE = base64.b64encode(bytes(cv2.imencode(".jpg", SHEET)[1])).decode()


def field(name: str, status: str, top: float, **more: Any) -> dict[str, Any]:
    read = {"value": "42", "confidence": 0.99, "reason_code": None, "reason": None, "alternatives": []}
    return {"field": name, "status": status, "box": [70.0, top, 60.0, 12.0], **read, **more}


UNSURE = {"reason_code": "low_confidence", "reason": "less sure than 95 %"}
BROKEN_RULE = {"reason_code": "rule_violated", "reason": "The sum is not that of its parts."}
UNKNOWN = {"reason_code": "form_not_recognized", "reason": "unknown form: no corner marks."}
FIELDS = [
    field("order", "ok", 50),
    field("day", "review", 100, **UNSURE, alternatives=[{"value": "47", "probability": 0.2}]),
    field("total", "error", 150, value=None, **BROKEN_RULE),
]
PAGE = {"template": "note", "picture": PICTURE, "width_mm": 210.0, "height_mm": 297.0}
PAGES = [
    {**PAGE, "page": 1, "status": "error", "reason_code": None, "reason": None, "fields": FIELDS},
    {**PAGE, "page": 2, "template": None, "status": "error", **UNKNOWN, "fields": []},
]


@pytest.fixture
def forms(new_page: NewPage, server: RunningServer) -> Page:
    """What a server with two templates answers, word by word as its interface says."""
    page = new_page(server.url)
    page.route("**/v1/templates", lambda route: route.fulfill(json={"templates": ["exam", "note"]}))
    page.route("**/v1/forms*", lambda route: route.fulfill(json={"pages": PAGES}))
    page.reload()
    page.get_by_role("link", name="Forms").click()
    return page


def read(page: Page, name: str = "scan.pdf") -> None:
    page.get_by_label("Template").select_option("note")
    page.set_input_files("#forms-input", {"name": name, "mimeType": "application/pdf", "buffer": b"%PDF-1.4"})


def test_the_template_is_chosen_from_the_list_and_sent(forms: Page) -> None:
    with forms.expect_request("**/v1/forms*") as sent:
        read(forms)
    assert sent.value.url.endswith("/v1/forms?picture=1&template=note")
    assert sent.value.headers["content-type"] == "application/pdf"


def test_fields_are_boxed_where_they_are_in_the_colour_of_their_status(forms: Page) -> None:
    read(forms)
    boxes = forms.locator("#forms-pages .box")
    expect(boxes).to_have_count(3)
    assert [box.get_attribute("data-status") for box in boxes.all()] == ["ok", "review", "error"]
    colours = boxes.evaluate_all("(all) => all.map((one) => getComputedStyle(one).borderTopColor)")
    assert len(set(colours)) == 3
    sheet, box = forms.locator(".sheet").first.bounding_box(), boxes.nth(1).bounding_box()
    assert sheet and box
    assert (box["x"] - sheet["x"]) / sheet["width"] == pytest.approx(70 / 210, abs=0.01)
    assert (box["y"] - sheet["y"]) / sheet["height"] == pytest.approx(100 / 297, abs=0.01)
    assert box["width"] / sheet["width"] == pytest.approx(60 / 210, abs=0.01)


def test_values_doubts_and_reasons_stand_beside(forms: Page) -> None:
    read(forms)
    expect(forms.locator("#forms-status")).to_have_text("scan.pdf: 2 pages, 3 fields, 2 to review")
    doubtful = forms.get_by_role("row").filter(has_text="day")
    expect(doubtful).to_contain_text("less sure than 95 %")
    expect(doubtful).to_contain_text("or 47")
    expect(forms.locator("#forms-pages")).to_contain_text("The sum is not that of its parts.")
    expect(forms.locator("#forms-pages")).to_contain_text("unknown form: no corner marks.")


def test_a_box_and_its_row_show_each_other_by_keyboard_too(forms: Page) -> None:
    read(forms)
    row, box = forms.locator("#forms-pages tbody tr").nth(1), forms.locator("#forms-pages .box").nth(1)
    row.focus()
    expect(box).to_have_attribute("data-lit", "")
    box.focus()
    expect(row).to_have_attribute("data-lit", "")
    expect(box).to_have_accessible_name("day: 42, needs review")


def test_only_fields_to_review_can_be_shown(forms: Page) -> None:
    read(forms)
    forms.get_by_label("only fields to review").check()
    expect(forms.locator("#forms-pages tbody tr:visible")).to_have_count(2)


def test_the_fields_can_be_taken_along_as_csv(forms: Page) -> None:
    read(forms)
    expect(forms.locator("#forms-pages .box")).to_have_count(3)
    with forms.expect_download() as taken:
        forms.locator("#forms-csv").click()
    rows = list(csv.DictReader(io.StringIO(taken.value.path().read_text())))
    assert [(row["page"], row["item"], row["status"]) for row in rows] == [
        *(("1", "order", "ok"), ("1", "day", "review"), ("1", "total", "error"), ("2", "", "error"))
    ]
    assert [row["reason_code"] for row in rows] == ["", "low_confidence", "rule_violated", "form_not_recognized"]


def test_forms_are_read_among_files_too(forms: Page) -> None:
    forms.get_by_role("link", name="Files").click()
    forms.get_by_label("Read as").select_option("form:note")
    forms.set_input_files("#files-input", {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"})
    expect(forms.locator("#files-rows tr")).to_contain_text("The sum is not that of its parts.")
    expect(forms.locator("#files-rows canvas")).to_have_count(1)


def test_an_error_shows_the_message_of_the_server(forms: Page) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=422, json={"error": {"kind": "data", "message": "This PDF is locked.", "request": "1"}})

    forms.route("**/v1/forms*", refuse)
    read(forms)
    expect(forms.locator("#forms-notice")).to_have_text("This PDF is locked.")


def test_a_real_form_is_found_read_and_boxed(new_page: NewPage, tmp_path: Path) -> None:
    server = RunningServer(templates=str(tmp_path)).open()
    httpx.put(f"{server.url}v1/templates/survey", content=TEMPLATE, timeout=30).raise_for_status()
    page = new_page(server.url)
    page.get_by_role("link", name="Forms").click()
    expect(page.get_by_label("Template").get_by_role("option")).to_have_text(["whichever fits", "survey"])
    page.set_input_files("#forms-input", {"name": "a.png", "mimeType": "image/png", "buffer": png(filled("2741"))})
    expect(page.locator("#forms-pages h2")).to_have_text("Page 1: survey")
    expect(page.locator("#forms-pages tbody strong")).to_have_text("2741")
    expect(page.locator("#forms-pages .box")).to_have_attribute("data-label", "code")
    expect(page.locator("#forms-pages canvas")).to_be_visible()
    server.close()


def test_a_server_without_templates_says_how_to_give_it_one(new_page: NewPage, server: RunningServer) -> None:
    page = new_page(server.url)
    page.route("**/v1/templates", lambda route: route.fulfill(json={"templates": []}))
    page.reload()
    page.get_by_role("link", name="Forms").click()
    expect(page.locator("#forms-notice")).to_contain_text("no templates yet")
