"""POST /v1/strings and the live server: runs of digits in photos, and the newest frame of many."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from pipelines.drawing.pen import draw_digit
from pipelines.inference.engines.base import Images, Probabilities
from pipelines.models.store import ModelStore
from serve_app.http.access import KEY_PROTOCOL
from serve_app.http.live import LatestFrame
from serve_app.settings import digest
from tests import lines
from tests.fake_engine import by_brightness
from tests.serve_app.servers import PNG, FakeReader, open_server, png

KEY = "a-key-of-some-length"


def photo(text: str) -> np.ndarray[Any, Any]:
    """The digits of `text` beside each other on bright paper."""
    drawn = [draw_digit(int(digit), np.random.default_rng(int(digit))) for digit in text]
    row = np.hstack([cv2.resize(image, (56, 56), interpolation=cv2.INTER_LINEAR) for image in drawn])
    return 255 - np.pad(row, 40)


@pytest.fixture(scope="module")
def server():
    with open_server(None, models=("builtin",)) as client:
        yield client


def test_a_run_of_digits_is_found_read_and_boxed(server: TestClient) -> None:
    picture = photo("2750")
    answer = server.post("/v1/strings", content=png(picture), headers=PNG).json()
    (string,) = answer["items"][0]["strings"]
    assert string["value"] == "2750"
    assert [digit["label"] for digit in string["digits"]] == list("2750")
    lefts = [digit["box"][0] for digit in string["digits"]]
    assert lefts == sorted(lefts)
    for left, top, width, height in [string["box"], *(digit["box"] for digit in string["digits"])]:
        assert 0 <= left < left + width <= picture.shape[1] and 0 <= top < top + height <= picture.shape[0]
    assert answer["model"] == "builtin-lines:1"


def test_a_model_of_digits_does_not_read_strings(server: TestClient) -> None:
    refused = server.post("/v1/strings?model=builtin", content=png(photo("27")), headers=PNG)
    assert refused.status_code == 400
    assert (
        refused.json()["error"]["message"]
        == "Strings are always read by builtin-lines:1; leave out the parameter model."
    )


def test_another_model_of_lines_can_read_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines.publish(ModelStore(tmp_path / "store"), tmp_path / "files")
    with open_server(lines="lines", store=str(tmp_path / "store")) as client:
        answer = client.post("/v1/strings", content=png(photo("23")), headers=PNG).json()
    assert answer["model"] == "lines:1"
    # It was tested on nothing.
    assert "every field that lines:1 reads on a form counts as ok" in caplog.text


def test_photos_keep_their_places_and_a_damaged_one_says_why(server: TestClient) -> None:
    files = [("files", (name, content, "image/png")) for name, content in (("a", png(photo("41"))), ("b", b"no"))]
    good, bad = server.post("/v1/strings", files=files).json()["items"]
    assert [string["value"] for string in good["strings"]] == ["41"]
    assert bad["error"]["message"].startswith("b: ")
    assert server.post("/v1/strings", content=b"no", headers=PNG).status_code == 422


def test_live_frames_are_answered_and_a_bad_one_does_not_end_it(server: TestClient) -> None:
    with server.websocket_connect("/v1/live") as live:
        for frame, content in enumerate((png(photo("36")), b"no frame", png(photo("9")))):
            live.send_bytes(content)
            answer = live.receive_json()
            assert answer["frame"] == frame and answer["ms"] >= 0
            if frame == 1:
                assert answer["error"]["kind"] == "data"
            else:
                assert [string["value"] for string in answer["strings"]] == [["36"], [], ["9"]][frame]


def test_live_refuses_what_is_no_frame(server: TestClient) -> None:
    with server.websocket_connect("/v1/live") as live:
        live.send_text("hello")
        assert live.receive_json()["error"]["kind"] == "invalid_request"
        assert live.receive()["type"] == "websocket.close"


@pytest.mark.parametrize("key", [KEY, "as/openssl+makes(them)=="])
def test_a_key_comes_as_the_subprotocol_a_browser_can_send(key: str) -> None:
    offered = f"{KEY_PROTOCOL}{quote(key, safe='')}"
    with (
        open_server(key_digests=(digest(key),)) as server,
        server.websocket_connect("/v1/live", subprotocols=[offered]) as live,
    ):
        assert live.accepted_subprotocol == offered


def test_excess_live_sessions_are_rejected_immediately() -> None:
    with (
        open_server(live=1) as server,
        server.websocket_connect("/v1/live"),
        server.websocket_connect("/v1/live") as second,
    ):
        assert second.receive_json()["error"]["kind"] == "overloaded"
        assert second.receive()["code"] == 1013


def test_of_frames_that_pile_up_the_newest_is_taken() -> None:
    async def around() -> tuple[int, bytes]:
        newest = LatestFrame()
        for frame in (b"0", b"1", b"2"):
            newest.put(frame)
        return await newest.take()

    assert asyncio.run(around()) == (2, b"2")


def test_a_slow_reader_skips_frames_and_ends_with_the_last() -> None:
    free = threading.Event()

    def slow(images: Images, classes: int) -> Probabilities:
        free.wait()
        return by_brightness(images, classes)

    frame = png(photo("36"))
    with (
        open_server(lambda reference: FakeReader(reference, slow)) as server,
        server.websocket_connect("/v1/live") as live,
    ):
        for _ in range(30):
            live.send_bytes(frame)
        free.set()
        answered = []
        while not answered or answered[-1] != 29:
            answered.append(live.receive_json()["frame"])
        assert len(answered) < 30
