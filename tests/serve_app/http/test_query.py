"""The query means the same, and is refused with the same words, whichever way a picture is sent."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serve_app.servers import PNG, bar, open_server, png

NINE = png(bar(9))
Send = Callable[[TestClient, str], Any]


def send_raw(server: TestClient, query: str) -> Any:
    return server.post(f"/v1/digits?{query}", content=NINE, headers=PNG)


def send_multipart(server: TestClient, query: str) -> Any:
    return server.post(f"/v1/digits?{query}", files=[("files", ("a.png", NINE, "image/png"))])


def send_json(server: TestClient, query: str) -> Any:
    return server.post(f"/v1/digits?{query}", json={"images": [base64.b64encode(NINE).decode()]})


@pytest.fixture(scope="module")
def server() -> Iterator[TestClient]:
    with open_server(models=("fake:1", "other:7")) as client:
        yield client


@pytest.fixture(params=[send_raw, send_multipart, send_json], ids=["raw", "multipart", "json"])
def send(request: pytest.FixtureRequest) -> Send:
    return request.param


@pytest.mark.parametrize(
    ("query", "included"),
    [
        *((f"include_input={value}", True) for value in ("true", "TRUE", "1", "yes", "Yes", "on", "ON")),
        *((f"include_input={value}", False) for value in ("false", "False", "0", "no", "NO", "off", "Off")),
        ("include_input=off&include_input=on", True),
        ("include_input=on&include_input=off", False),
        ("include_input=nonsense&include_input=on", True),
        ("unknown=1", False),
        ("", False),
    ],
)
def test_the_input_is_included_for_every_way_to_say_yes(
    server: TestClient, send: Send, query: str, included: bool
) -> None:
    answer = send(server, query)
    assert answer.status_code == 200, answer.text
    assert ("input" in answer.json()["items"][0]) is included


@pytest.mark.parametrize("value", ["", "2", "t", "y", "nonsense", "true%20", "%00", "%ff"])
def test_any_other_value_is_refused_in_the_same_words(server: TestClient, send: Send, value: str) -> None:
    answer, by_raw = send(server, f"include_input={value}"), send_raw(server, f"include_input={value}")
    error = answer.json()["error"]
    assert (answer.status_code, error["kind"]) == (400, "invalid_request")
    assert error["message"] == by_raw.json()["error"]["message"]
    assert error["message"].startswith("include_input is ") and error["message"].endswith("; it must be true or false.")


@pytest.mark.parametrize(
    ("query", "model"),
    [
        ("model=other", "other:7"),
        ("model=", "fake:1"),
        ("model", "fake:1"),
        ("model=fake&model=other", "other:7"),
        ("model=nobody&model=other", "other:7"),
    ],
)
def test_the_model_is_chosen_by_the_last_name_that_is_given(
    server: TestClient, send: Send, query: str, model: str
) -> None:
    answer = send(server, query)
    assert (answer.status_code, answer.json().get("model")) == (200, model)


@pytest.mark.parametrize("query", ["model=othe", "model=other&model=othe"])
def test_an_unknown_model_is_refused_in_the_same_words(server: TestClient, send: Send, query: str) -> None:
    error = send(server, query)
    assert (error.status_code, error.json()["error"]["kind"]) == (404, "unknown_name")
    assert error.json()["error"]["message"].startswith("There is no model 'othe'; known: fake, other.")


def test_the_picture_of_a_page_is_asked_for_in_the_same_words(server: TestClient) -> None:
    refused = server.post("/v1/forms?picture=2", content=NINE, headers=PNG)
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        400,
        "picture is '2'; it must be true or false.",
    )
