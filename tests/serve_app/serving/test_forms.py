"""POST /v1/forms: a scan or PDF in, the fields of its pages out."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from pipelines.drawing.pen import draw_digit
from tests.serve_app.servers import PNG, open_server, png

DOTS = 8
"""Pixels to the millimetre."""
TEMPLATE = """
name: survey
size: [105, 148]
register:
  by: corners
  corners: [[10, 10, 5], [95, 10, 5], [10, 138, 5], [95, 138, 5]]
fields:
  - {name: code, kind: digits, box: [20, 40, 40, 10], cells: 4}
"""


def filled(text: str) -> np.ndarray[Any, Any]:
    """The form with its marks and comb, and a digit in each cell."""
    page = np.full((148 * DOTS, 105 * DOTS), 255, np.uint8)
    for x, y in ((10, 10), (95, 10), (10, 138), (95, 138)):
        page[int((y - 2.5) * DOTS) : int((y + 2.5) * DOTS), int((x - 2.5) * DOTS) : int((x + 2.5) * DOTS)] = 0
    for cell in range(4):
        left, top, side = (20 + 10 * cell) * DOTS, 40 * DOTS, 10 * DOTS
        cv2.rectangle(page, (left, top), (left + side, top + side), 0, 2)
        digit = cv2.resize(draw_digit(int(text[cell]), np.random.default_rng(cell)), (52, 52))
        page[top + 14 : top + 66, left + 14 : left + 66] -= digit
    return page


def pdf(*pages: np.ndarray[Any, Any]) -> bytes:
    first, *rest = [Image.fromarray(page) for page in pages]
    file = io.BytesIO()
    first.save(file, "PDF", save_all=True, append_images=rest, resolution=DOTS * 25.4)
    return file.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("templates")
    with open_server(None, models=("builtin",), templates=str(folder), pages=3) as client:
        assert client.put("/v1/templates/survey", content=TEMPLATE).status_code == 200
        yield client


def test_the_fields_of_a_page_by_the_name_of_its_template(server: TestClient) -> None:
    answer = server.post("/v1/forms?template=survey&picture=1", content=png(filled("2741")), headers=PNG)
    (page,) = answer.json()["pages"]
    assert (page["page"], page["template"], page["reason"]) == (1, "survey", None)
    assert page["reason_code"] is None
    assert (page["width_mm"], page["height_mm"]) == (105, 148)
    (field,) = page["fields"]
    assert (field["field"], field["value"]) == ("code", "2741")
    assert field["box"] == [20, 40, 40, 10] and 0 < field["confidence"] <= 1
    assert [cell["label"] for cell in field["cells"]] == list("2741")
    straight = cv2.imdecode(np.frombuffer(base64.b64decode(page["picture"]), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert abs(straight.shape[1] / straight.shape[0] - 105 / 148) < 0.01


def test_every_page_of_a_pdf_and_an_unknown_one_says_so(server: TestClient) -> None:
    blank = np.full((148 * DOTS, 105 * DOTS), 255, np.uint8)
    answer = server.post("/v1/forms", content=pdf(filled("2741"), blank), headers={"Content-Type": "application/pdf"})
    first, second = answer.json()["pages"]
    assert first["fields"][0]["value"] == "2741" and "picture" not in first
    assert (second["page"], second["status"], second["fields"]) == (2, "error", []) and second["reason"]
    assert second["reason_code"] == "blank_page"


def test_a_template_may_come_along(server: TestClient) -> None:
    files = {"file": ("a.png", png(filled("2741")), "image/png")}
    answer = server.post("/v1/forms", files=files, data={"inline": TEMPLATE.replace("survey", "mine")})
    assert answer.json()["pages"][0]["template"] == "mine"
    both = server.post("/v1/forms?template=survey", files=files, data={"inline": TEMPLATE})
    assert both.status_code == 400


@pytest.mark.parametrize(
    ("query", "content", "status"),
    [
        ("template=nobody", png(filled("2741")), 404),
        ("template=../survey", png(filled("2741")), 400),
        ("template=survey", b"no page", 422),
        ("template=survey&accept_above=2", png(filled("2741")), 400),
        ("template=survey&model=nobody", png(filled("2741")), 404),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(server: TestClient, query: str, content: bytes, status: int) -> None:
    answer = server.post(f"/v1/forms?{query}", content=content, headers=PNG)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_more_pages_than_a_request_may_hold(server: TestClient) -> None:
    small = np.full((20, 20), 255, np.uint8)
    answer = server.post("/v1/forms", content=pdf(*[small] * 4), headers={"Content-Type": "application/pdf"})
    assert answer.status_code == 413 and "at most 3" in answer.text


@pytest.mark.parametrize("inline", [{"name": "survey"}, 7, ["x"], "\ud800"])
def test_a_template_that_is_no_text_is_refused(server: TestClient, inline: object) -> None:
    body = {"image": base64.b64encode(png(filled("1234"))).decode(), "inline": inline}
    answer = server.post("/v1/forms", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_a_page_of_more_pixels_than_are_allowed_says_so() -> None:
    with open_server(pixels=100_000) as server:
        answer = server.post("/v1/forms", files={"files": ("a.png", png(filled("1234")))}, data={"inline": TEMPLATE})
        [page] = answer.json()["pages"]
        assert (page["status"], "100,000" in page["reason"]) == ("error", True)
