"""The client asks as the server wants it, and an error says what the server said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from pipelines.drawing.pen import draw_digits
from serve_app.client import InkClient, InkError
from serve_app.settings import digest
from tests.serve_app.web.drawings import digit, png
from tests.serve_app.web.open_servers import RunningServer, free_port

KEY = "a-key-for-tests"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    opened = RunningServer(key_digests=(digest(KEY),)).open()
    yield opened
    opened.close()


@pytest.fixture
def ink(server: RunningServer) -> Iterator[InkClient]:
    with InkClient(server.url, KEY) as client:
        yield client


def answering(status: int, **body: object) -> InkClient:
    return InkClient(transport=httpx.MockTransport(lambda request: httpx.Response(status, **body)))  # type: ignore[arg-type]


def test_paths_bytes_and_arrays_are_read_alike(ink: InkClient, tmp_path: Path) -> None:
    path = tmp_path / "seven.png"
    path.write_bytes(png(digit(7)))
    items = ink.digits(path, str(path), path.read_bytes(), digit(7))
    assert [item["label"] for item in items] == ["7"] * 4
    assert len({item["confidence"] for item in items}) == 1


def test_a_bad_picture_among_good_ones_has_its_error_in_its_place(ink: InkClient) -> None:
    items = ink.digits(digit(1), b"no picture", digit(2))
    assert [item.get("label") for item in items] == ["1", None, "2"]
    assert "this is no PNG" in items[1]["error"]["message"]


def test_what_the_model_saw_comes_when_asked_for(ink: InkClient) -> None:
    image = draw_digits(1, 2)[0][0]
    assert "input" in ink.digits(image, include_input=True)[0]
    assert not ink.digits(image)[0].get("input")


def test_strings_are_found(ink: InkClient) -> None:
    assert ink.strings(np.full((200, 200), 240, np.uint8)) == []


def test_forms_are_asked_for_by_template() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"pages": [{"page": 0}]})

    with InkClient(transport=httpx.MockTransport(answer)) as client:
        assert client.forms(b"%PDF-1.4", template="a note") == [{"page": 0}]
    assert asked[0].url.params["template"] == "a note"
    assert asked[0].content == b"%PDF-1.4"


def test_a_refusal_has_the_words_of_the_server(server: RunningServer) -> None:
    with InkClient(server.url, "a-wrong-key") as client, pytest.raises(InkError, match="API key") as refused:
        client.digits(b"")
    assert (refused.value.status, refused.value.kind) == (401, "unauthorized")
    assert refused.value.request


def test_an_answer_of_something_else_is_told_apart() -> None:
    with answering(502, text="<html>Bad gateway") as client, pytest.raises(InkError, match="answered 502"):
        client.strings(b"")


def test_a_server_that_is_not_there_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with InkClient(url) as client, pytest.raises(InkError, match=f"{url}/? does not answer"):
        client.strings(b"")
