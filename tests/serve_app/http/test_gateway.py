"""What every request passes: limits, the timeout, the request id, the headers, and errors that leak nothing."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from typing import Any

import numpy as np
import pytest

from pipelines.inference.engines.base import Images, Probabilities
from serve_app import errors
from serve_app.http.asgi import build
from serve_app.serving.dataplane import DataPlane
from serve_app.settings import Settings
from tests.fake_engine import by_brightness
from tests.serve_app.servers import PNG, FakeReader, bar, open_server, png

NINE = png(bar(9))


def test_a_body_above_the_limit_is_refused_by_its_length_and_as_it_comes() -> None:
    with open_server(body_bytes=1000) as server:
        declared = server.post("/v1/digits", content=bytes(1001), headers=PNG)
        streamed = server.post("/v1/digits", content=iter([bytes(600), bytes(600)]), headers=PNG)
        form = server.post("/v1/digits", files=[("files", ("a", bytes(1200), "image/png"))])
        for answer in (declared, streamed, form):
            assert answer.status_code == 413
            assert "1,000 bytes" in answer.json()["error"]["message"]


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 4000, "x"])
def test_an_invalid_content_length(length: str) -> None:
    with open_server() as server:
        answer = server.post("/v1/digits", content=NINE, headers={**PNG, "Content-Length": length})
        assert answer.status_code in (400, 413)


def test_too_many_pixels_or_images_and_compressed_bodies_are_refused() -> None:
    with open_server(digit_pixels=10_000, rows=2) as server:
        large = png(np.zeros((101, 100), np.uint8))
        assert "limit of 10,000" in server.post("/v1/digits", content=large, headers=PNG).json()["error"]["message"]
        for count in (3, 22, 23, 24, 200):
            files = [("files", (str(at), NINE, "image/png")) for at in range(count)]
            answer = server.post("/v1/digits", files=files)
            assert answer.status_code == 413
            assert answer.json()["error"]["message"].startswith("The form holds more than 2 files; ")
        assert server.post("/v1/digits", json={"images": ["aa=="] * 3}).status_code == 413
        compressed = server.post("/v1/digits", content=NINE, headers={**PNG, "Content-Encoding": "gzip"})
        assert compressed.status_code == 415


def test_a_form_of_too_many_fields_is_not_taken_for_one_of_too_many_files() -> None:
    with open_server(rows=1) as server:
        for count, status in ((20, 200), (21, 400), (200, 400)):
            fields = {str(at): "x" for at in range(count)}
            answer = server.post("/v1/digits", data=fields, files={"files": ("a", NINE, "image/png")})
            assert answer.status_code == status
            assert status == 200 or "Too many fields" in answer.json()["error"]["message"]


def test_every_answer_has_a_request_id_and_security_headers() -> None:
    with open_server() as server:
        for path in ("/v1/models", "/nowhere", "/docs", "/healthz"):
            answer = server.get(path, headers={"X-Request-ID": "abc-1"})
            assert answer.headers["x-request-id"] == "abc-1"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "access-control-allow-origin" not in answer.headers
        assert "default-src 'self'" in server.get("/docs").headers["content-security-policy"]
        invalid = server.get("/nowhere", headers={"X-Request-ID": "a b\tc"})
        assert invalid.headers["x-request-id"] == invalid.json()["error"]["request"] != "a b\tc"


def test_pages_of_another_origin_may_call_only_if_cors_is_set() -> None:
    preflight = {"Origin": "https://there.example", "Access-Control-Request-Method": "POST"}
    with open_server() as server:
        assert "access-control-allow-origin" not in server.options("/v1/digits", headers=preflight).headers
    with open_server(cors=("https://there.example",)) as server:
        assert (
            server.options("/v1/digits", headers=preflight).headers["access-control-allow-origin"]
            == preflight["Origin"]
        )
        assert (
            "access-control-allow-origin"
            not in server.options("/v1/digits", headers={**preflight, "Origin": "https://elsewhere.example"}).headers
        )


def test_an_unexpected_error_leaks_nothing_internal(monkeypatch: pytest.MonkeyPatch) -> None:
    words, logged = "/secret/path", io.StringIO()
    monkeypatch.setattr(errors.log, "handlers", [logging.StreamHandler(logged)])

    def fail(images: Images, classes: int) -> Probabilities:
        raise KeyError(words)

    def open_failing(reference: str) -> FakeReader:
        return FakeReader(reference, fail)

    with open_server(open_failing) as server:
        answer = server.post("/v1/digits", content=NINE, headers=PNG)
        assert answer.status_code == 500
        assert answer.json()["error"]["kind"] == "internal"
        assert answer.json()["error"]["message"] == "Internal error; give the operator the request id."
        assert "secret" not in answer.text and "KeyError" not in answer.text
    # The operator is told what and where, but not in the error's words, which may hold what was sent or read.
    assert "unexpected KeyError" in logged.getvalue() and "raise KeyError(words)" in logged.getvalue()
    assert "secret" not in logged.getvalue()


def test_a_request_that_takes_too_long_times_out() -> None:
    free = threading.Event()

    def slow(images: Images, classes: int) -> Probabilities:
        free.wait()
        return by_brightness(images, classes)

    with open_server(lambda reference: FakeReader(reference, slow), seconds=0.1) as server:
        answer = server.post("/v1/digits", content=NINE, headers=PNG)
        assert (answer.status_code, answer.json()["error"]["kind"]) == (503, "deadline_exceeded")
        free.set()


def test_excess_requests_are_rejected_immediately_and_the_server_recovers() -> None:
    free = threading.Event()

    def blocked(images: Images, classes: int) -> Probabilities:
        free.wait()
        return by_brightness(images, classes)

    async def flood() -> tuple[list[int], list[int]]:
        settings = Settings(models=("fake",), watch_seconds=0, requests=8, batch_rows=4, queue_rows=4, rows=4)
        plane = DataPlane(settings, opener=lambda reference: FakeReader(reference, blocked))
        app = build(plane)
        await plane.start()
        waiting = requests = {asyncio.create_task(post(app)) for _ in range(40)}
        try:
            while len(waiting) > 10:
                done, waiting = await asyncio.wait(waiting, timeout=30, return_when=asyncio.FIRST_COMPLETED)
                assert done, f"{len(waiting)} still wait"
        finally:
            free.set()
        answers = await asyncio.gather(*requests)
        after = [await post(app) for _ in range(3)]
        await plane.stop()
        return answers, after

    answers, after = asyncio.run(flood())
    assert set(answers) == {200, 503} and answers.count(503) >= 30
    assert after == [200] * 3


async def post(app: Any) -> int:
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": NINE}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "POST", "path": "/v1/digits", "query_string": b""}
    await app({**scope, "headers": [(b"content-type", b"image/png")]}, receive, send)
    return statuses[0]
