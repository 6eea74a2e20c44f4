"""The client sends what the server accepts, and its errors carry the server's message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from pipelines.drawing.pen import draw_digits
from serve_app.client import InkClient, InkError
from serve_app.serving.dataplane import DataPlane
from serve_app.settings import digest
from tests.serve_app.servers import bar, listening
from tests.serve_app.serving.test_forms import TEMPLATE, filled
from tests.serve_app.web.drawings import digit, number, png
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
    for images in ((image,), (image, image)):
        assert all("input" in item for item in ink.digits(*images, include_input=True))
        assert not any("input" in item for item in ink.digits(*images))


def test_one_image_takes_the_fast_path_and_many_go_in_one_request(routes: list[str]) -> None:
    with listening() as port, InkClient(f"http://127.0.0.1:{port}") as client:
        assert [item["label"] for item in client.digits(png(bar(9)))] == ["9"]
        assert [item["label"] for item in client.digits(png(bar(9)), png(bar(8)))] == ["9", "8"]
    assert routes == ["digit", "digits"]


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the data plane that answered: `digit` on the fast path, `digits` off it."""
    called: list[str] = []

    def record(name: str) -> None:
        method = getattr(DataPlane, name)

        async def recorded(*arguments: Any) -> Any:
            called.append(name)
            return await method(*arguments)

        monkeypatch.setattr(DataPlane, name, recorded)

    for name in ("digit", "digits"):
        record(name)
    return called


@pytest.mark.parametrize("count", [1, 2])
def test_one_image_is_answered_like_one_of_many(ink: InkClient, tmp_path: Path, count: int) -> None:
    path = tmp_path / "seven.png"
    path.write_bytes(png(digit(7)))
    item = ink.digits(*[path] * count)[0]
    assert (item["name"], item["label"]) == ("seven.png", "7")
    path.write_bytes(b"no picture")
    item = ink.digits(*[path] * count)[0]
    assert (item["name"], item["error"]["kind"]) == ("seven.png", "data")
    assert "this is no PNG" in item["error"]["message"]
    photo = ink.strings(*[path] * count)[0]
    assert (photo["name"], photo["error"]["kind"]) == ("seven.png", "data")


@pytest.mark.parametrize("count", [1, 2])
def test_the_model_is_chosen_by_name(count: int) -> None:
    images = [png(bar(9))] * count
    answers: list[httpx.Response] = []

    def keep(response: httpx.Response) -> None:
        response.read()
        answers.append(response)

    with (
        listening(models=("fake:1", "other:7")) as port,
        InkClient(f"http://127.0.0.1:{port}", event_hooks={"response": [keep]}) as client,
    ):
        client.digits(*images)
        client.digits(*images, model="other")
        assert [answer.json()["model"] for answer in answers] == ["fake:1", "other:7"]
        with pytest.raises(InkError, match="There is no model 'nobody'; known: fake, other") as refused:
            client.digits(*images, model="nobody")
    assert (refused.value.status, refused.value.kind) == (404, "unknown_name")


def test_calls_share_one_connection() -> None:
    connections = set()

    def note(response: httpx.Response) -> None:
        connections.add(response.extensions["network_stream"].get_extra_info("client_addr"))

    with (
        listening() as port,
        InkClient(f"http://127.0.0.1:{port}", event_hooks={"response": [note]}) as client,
    ):
        for _ in range(3):
            client.digits(png(bar(9)))
        client.digits(png(bar(9)), png(bar(8)))
    assert len(connections) == 1


def test_strings_are_found_in_each_photo(ink: InkClient) -> None:
    blank = np.full((200, 200), 240, np.uint8)
    assert ink.strings(blank) == [{"name": "image", "strings": []}]
    found = ink.strings(blank, number("4071"))
    assert [[one["value"] for one in photo["strings"]] for photo in found] == [[], ["4071"]]


def test_a_form_is_read_by_the_template_that_is_sent_or_named(tmp_path: Path) -> None:
    page = png(filled("2741"))
    server = RunningServer(templates=str(tmp_path)).open()
    try:
        with InkClient(server.url) as client:
            (by_inline,) = client.forms(page, inline=TEMPLATE)
            client.put("v1/templates/survey", content=TEMPLATE).raise_for_status()
            (by_name,) = client.forms(page, ["survey"], model="builtin", picture=True, accept_above=1.0)
            with pytest.raises(InkError, match="There is no template 'other'"):
                client.forms(page, ["survey", "other"])
    finally:
        server.close()
    assert by_inline["fields"][0]["value"] == by_name["fields"][0]["value"] == "2741"
    assert "picture" in by_name and "picture" not in by_inline
    assert (by_inline["fields"][0]["status"], by_name["fields"][0]["status"]) == ("ok", "review")


def test_an_error_carries_the_message_of_the_server(server: RunningServer) -> None:
    with InkClient(server.url, "a-wrong-key") as client, pytest.raises(InkError, match="API key") as refused:
        client.digits(b"")
    assert (refused.value.status, refused.value.kind) == (401, "unauthorized")
    assert refused.value.request


def test_an_answer_that_is_not_the_servers_is_recognised() -> None:
    with answering(502, text="<html>Bad gateway") as client, pytest.raises(InkError, match="answered 502"):
        client.strings(b"")


def test_a_server_that_is_not_there_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with InkClient(url) as client, pytest.raises(InkError, match=f"{url}/? does not answer"):
        client.strings(b"")
