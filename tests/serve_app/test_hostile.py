"""Files made to hang, crash or fill the server: each is refused, and later requests are answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from jobs.benches.serve.hostile_files import endless_tree, image_bomb, large_picture, long_stream
from pipelines.documents.limits import resident_mib
from serve_app.http.asgi import build
from serve_app.serving.dataplane import DataPlane
from serve_app.settings import Settings
from tests.serve_app.servers import PNG, bar, open_fake, open_server, png
from tests.serve_app.serving.test_forms import TEMPLATE, filled, pdf

PDF = {"Content-Type": "application/pdf"}
BOMBS = {"a tree without end": endless_tree(), "a long stream": long_stream(), "an image, often": image_bomb()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("templates")
    # A busy machine may need longer for the largest photos than a request may take by default.
    settings = {"templates": str(folder), "document_seconds": 1, "document_mib": 512, "seconds": 120}
    with open_server(None, models=("builtin",), **settings) as client:
        assert client.put("/v1/templates/survey", content=TEMPLATE).status_code == 200
        yield client


def test_documents_that_break_a_limit_are_refused_and_digits_answered_meanwhile(server: TestClient) -> None:
    bombs = list(BOMBS.values()) * 2
    with ThreadPoolExecutor(len(bombs)) as callers:
        answers = [callers.submit(server.post, "/v1/forms", content=bomb, headers=PDF) for bomb in bombs]
        while not all(answer.done() for answer in answers):
            assert server.post("/v1/digits", content=png(bar(9)), headers=PNG).status_code == 200
    for answer in (one.result() for one in answers):
        assert answer.status_code in (200, 422), answer.text
        reason = answer.json()["pages"][0]["reason"] if answer.status_code == 200 else answer.json()["error"]["message"]
        assert "takes longer than 1 s to open" in reason or "more than 512 MiB of memory" in reason
    assert server.get("/readyz").status_code == 200
    [page] = server.post("/v1/forms", content=pdf(filled("2741")), headers=PDF).json()["pages"]
    assert page["fields"][0]["value"] == "2741"


def test_a_picture_of_a_digit_has_far_fewer_pixels_than_a_page(server: TestClient) -> None:
    answer = server.post("/v1/digits", content=large_picture(3000, 3000), headers=PNG)
    assert (answer.status_code, "limit of 8,000,000" in answer.text) == (422, True)


@pytest.mark.parametrize("route", ["digits", "strings"])
def test_a_picture_of_one_endless_line_is_refused_before_it_is_decoded(server: TestClient, route: str) -> None:
    answer = server.post(f"/v1/{route}", content=large_picture(1, 49_000_000), headers=PNG)
    assert (answer.status_code, "a side may have 40,000" in answer.text) == (422, True)


def test_large_photos_leave_no_memory_behind(server: TestClient) -> None:
    photo = large_picture(7070, 7070, "RGBA")
    assert server.post("/v1/strings", content=photo, headers=PNG).status_code == 200
    before = resident_mib()
    with ThreadPoolExecutor(4) as callers:
        answers = callers.map(lambda _: server.post("/v1/strings", content=photo, headers=PNG), range(8))
        assert {answer.status_code for answer in answers} == {200}
    assert resident_mib() - before < 200


def test_a_server_whose_threads_are_stuck_says_that_it_is_not_ready() -> None:
    released = threading.Event()
    plane = DataPlane(Settings(models=("fake",), watch_seconds=0, threads=1, seconds=0.2), opener=open_fake)
    with TestClient(build(plane)) as server, ThreadPoolExecutor(2) as callers:
        assert plane.stuck() is None and server.get("/readyz").status_code == 200
        for _ in range(2):
            callers.submit(server.portal.call, plane.in_page_pool, released.wait)  # type: ignore[union-attr]
        try:
            deadline = time.monotonic() + 60
            while server.get("/readyz").status_code == 200:
                assert time.monotonic() < deadline
            answer = server.get("/readyz").json()["error"]
            assert answer["kind"] == "not_ready"
            assert answer["message"].startswith("No photos and pages are being read: every thread has been stuck for")
            assert server.get("/v2/health/ready").status_code == 503
            assert server.get("/healthz").status_code == 200
        finally:
            released.set()
        callers.shutdown()
        assert server.get("/readyz").status_code == 200
