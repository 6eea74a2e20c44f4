"""POST /v1/digits, in each of the ways to send an image."""

from __future__ import annotations

import asyncio
import base64
import tempfile
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from pipelines.drawing.pen import draw_digit
from pipelines.errors import DataError
from pipelines.evaluation.crops import cropped
from pipelines.images import decode
from pipelines.inference.recognizer import Recognizer
from pipelines.models.folder import open_model
from serve_app.serving.dataplane import DataPlane, ReadOptions, Upload
from serve_app.settings import Settings
from tests.serve_app.servers import DIGITS, PNG, FakeReader, bar, open_fake, open_server, png

EIGHT, NINE = png(bar(8)), png(bar(9))


@pytest.fixture(scope="module")
def server():
    with open_server() as client:
        yield client


def labels(answer) -> list[str | None]:
    assert answer.status_code == 200, answer.text
    return [item.get("label") for item in answer.json()["items"]]


def test_a_raw_picture(server: TestClient) -> None:
    answer = server.post("/v1/digits", content=NINE, headers=PNG)
    assert labels(answer) == ["9"]
    body = answer.json()
    assert body["model"] == "fake:1" and body["engine"] == "fake fp32"
    item = body["items"][0]
    assert item["confidence"] == 0.9
    assert set(item["probabilities"]) == set("0123456789")
    assert sum(item["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert "input" not in item


def test_what_the_model_saw_comes_on_request(server: TestClient) -> None:
    for query in ("include_input=1", "include_input=true"):
        item = server.post(f"/v1/digits?{query}", content=NINE, headers=PNG).json()["items"][0]
        image = cv2.imdecode(np.frombuffer(base64.b64decode(item["input"]), np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(image, bar(9))


def test_many_files_keep_their_order_and_names(server: TestClient) -> None:
    files = [("files", (f"{name}.png", content, "image/png")) for name, content in (("a", NINE), ("b", EIGHT))]
    answer = server.post("/v1/digits", files=files)
    assert labels(answer) == ["9", "8"]
    assert [item["name"] for item in answer.json()["items"]] == ["a.png", "b.png"]


def test_a_large_file_never_lies_on_the_disk(
    server: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    large = png(np.random.default_rng(0).integers(0, 256, (1500, 1500), np.uint8))
    assert len(large) > 2 << 20
    assert len(labels(server.post("/v1/digits", files=[("files", ("a.png", large, "image/png"))]))) == 1


def test_base64_in_json(server: TestClient) -> None:
    pictures = [base64.b64encode(content).decode() for content in (EIGHT, NINE)]
    assert labels(server.post("/v1/digits", json={"images": pictures})) == ["8", "9"]
    assert labels(server.post("/v1/digits", json={"image": f"data:image/png;base64,{pictures[0]}"})) == ["8"]


def test_a_bad_picture_among_good_ones_is_an_error_in_its_place(server: TestClient) -> None:
    files = [("files", (name, content, "image/png")) for name, content in (("a", NINE), ("b", b"no"), ("c", EIGHT))]
    answer = server.post("/v1/digits", files=files)
    assert labels(answer) == ["9", None, "8"]
    assert answer.json()["items"][1]["error"] == {
        "kind": "data",
        "message": "b: this is no PNG, JPEG, TIFF, BMP or WEBP image.",
    }


@pytest.mark.parametrize("content", [b"", b"no", NINE[:-20], NINE[:40]])
def test_a_bad_picture_alone_is_refused_in_words(server: TestClient, content: bytes) -> None:
    answer = server.post("/v1/digits", content=content, headers=PNG)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["kind"] == "data" and error["message"].startswith("the image: ")
    assert error["request"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"{", {"Content-Type": "application/json"}, 400, "not valid JSON"),
        (b"[]", {"Content-Type": "application/json"}, 400, "must be an object"),
        (b'{"images": [1]}', {"Content-Type": "application/json"}, 400, "base64"),
        (b'{"images": ["%"]}', {"Content-Type": "application/json"}, 400, "Image 0"),
        (b'{"images": []}', {"Content-Type": "application/json"}, 400, "no image"),
        (b"x", {"Content-Type": "text/plain"}, 415, "text/plain"),
        (b"x", {}, 415, "not given"),
        (b"x", {"Content-Type": "multipart/form-data; boundary=a"}, 400, "form"),
        (b"x", {"Content-Type": "multipart/form-data"}, 400, "form"),
    ],
)
def test_a_malformed_body(server: TestClient, body: bytes, headers: dict, status: int, words: str) -> None:
    answer = server.post("/v1/digits", content=body, headers=headers)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


def test_an_unknown_model_is_named_with_the_known(server: TestClient) -> None:
    for headers in (PNG, {"Content-Type": "application/json"}):
        answer = server.post("/v1/digits?model=fak", content=NINE, headers=headers)
        assert answer.status_code in (400, 404)
    answer = server.post("/v1/digits?model=fak", content=NINE, headers=PNG)
    assert answer.json()["error"]["message"] == "There is no model 'fak'; known: fake. Did you mean 'fake'?"


def test_a_model_is_read_with_by_its_name() -> None:
    with open_server(models=("fake:1", "other:7")) as server:
        assert server.post("/v1/digits", content=NINE, headers=PNG).json()["model"] == "fake:1"
        assert server.post("/v1/digits?model=other", content=NINE, headers=PNG).json()["model"] == "other:7"
        models = server.get("/v1/models").json()["models"]
        assert [(one["name"], one["version"], one["default"]) for one in models] == [
            ("fake", "1", True),
            ("other", "7", False),
        ]
        assert [one["accept_above"] for one in models] == [None, None]


def test_a_class_of_any_name_stays_within_its_quotes() -> None:
    classes = [*DIGITS[:9], '9" or \\ %s']
    with open_server(lambda reference: FakeReader(reference, classes=classes)) as server:
        [item] = server.post("/v1/digits", content=NINE, headers=PNG).json()["items"]
    assert item["label"] == classes[9]
    assert list(item["probabilities"]) == classes


@pytest.mark.parametrize("path", ["/v1/digits", "/v2/models/fake/infer"])
def test_what_is_no_number_is_null_since_json_has_no_word_for_it(path: str) -> None:
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 28, 28], "data": bar(9).ravel().tolist()}
    body = {"image": base64.b64encode(NINE).decode(), "inputs": [tensor]}
    reader = FakeReader("fake:1", lambda images, classes: np.full((len(images), classes), np.nan, np.float32))
    with open_server(lambda reference: reader) as server:
        answer = server.post(path, json=body)
    assert answer.status_code == 200
    assert b"null" in answer.content and b"nan" not in answer.content.lower()


def test_the_builtin_model_reads_drawn_digits_of_any_size() -> None:
    drawn = [draw_digit(digit, np.random.default_rng(digit)) for digit in range(10)]
    photos = [255 - cv2.resize(image, (70, 70)) for image in drawn]
    with open_server(None, models=("builtin",)) as server:
        files = [("files", (str(at), png(image), "image/png")) for at, image in enumerate(drawn + photos)]
        assert labels(server.post("/v1/digits", files=files)) == [str(digit) for digit in range(10)] * 2
        assert labels(server.post("/v1/digits", content=png(photos[7]), headers=PNG)) == ["7"]
        assert server.get("/v1/models").json()["models"][0]["accept_above"] == open_model("builtin").accepted_above


def test_the_batch_job_and_the_server_say_the_same() -> None:
    content = png(255 - cv2.resize(draw_digit(3, np.random.default_rng(3)), (41, 53)))
    with Recognizer("builtin", threads=1) as reader, open_server(None, models=("builtin",)) as server:
        here = reader.read([decode(content, "it")])
        there = server.post("/v1/digits", content=content, headers=PNG).json()["items"][0]
    assert there["label"] == here.labels[0]
    assert list(there["probabilities"].values()) == pytest.approx(here.probabilities[0].tolist(), abs=1e-4)


def test_a_doubtful_digit_gets_a_second_opinion_as_in_the_batch_job() -> None:
    drawn = np.stack([draw_digit(digit, np.random.default_rng(digit)) for digit in range(10)])
    pictures = cropped(drawn, "neighbours")
    with Recognizer("builtin", threads=1) as reader, open_server(None, models=("builtin",)) as server:
        here = reader.read(pictures)
        assert here.seconded is not None
        files = [("files", (str(at), png(image), "image/png")) for at, image in enumerate(pictures)]
        items = server.post("/v1/digits", files=files).json()["items"]
        doubtful = int(here.seconded.argmax())
        [alone] = server.post("/v1/digits", content=png(pictures[doubtful]), headers=PNG).json()["items"]
    assert [item["label"] for item in items] == here.labels.tolist()
    assert [item.get("second_opinion") for item in items] == [
        "builtin-lines:1" if one else None for one in here.seconded
    ]
    assert alone["second_opinion"] == "builtin-lines:1" and alone["label"] == here.labels[doubtful]


def test_images_of_a_cancelled_request_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bytes] = []
    begun, go_on = threading.Event(), threading.Event()

    def slowly(plane: DataPlane, content: bytes, where: str = "") -> None:
        opened.append(content)
        begun.set()
        go_on.wait(30)
        raise DataError("it is none")

    async def cancel() -> None:
        plane = DataPlane(Settings(models=("fake",), watch_seconds=0), opener=open_fake)
        await plane.start()
        request = asyncio.create_task(plane.digits([Upload(None, b"x")] * 20, ReadOptions()))
        await asyncio.to_thread(begun.wait, 30)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        go_on.set()
        await asyncio.to_thread(plane._decoding._executor.shutdown)
        await plane.stop()

    monkeypatch.setattr(DataPlane, "_prepared", slowly)
    asyncio.run(cancel())
    assert opened == [b"x"]
