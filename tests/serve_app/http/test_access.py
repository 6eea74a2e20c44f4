"""Access: every route needs a key if the server has keys, and no key may exceed its rate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from serve_app.errors import RateLimited, Unauthorized
from serve_app.http.access import PUBLIC, Guard
from serve_app.http.asgi import routes
from serve_app.serving.dataplane import DataPlane
from serve_app.settings import Settings, digest
from tests.serve_app.servers import PNG, bar, open_server, png

KEY = "a-key-of-some-length"
KEYS = (digest("another-key"), digest(KEY))


def every_route() -> Iterator[tuple[str, str]]:
    """The method and path of every route, including the documentation and static files."""

    def walk(found: list[BaseRoute], before: str = "") -> Iterator[tuple[str, str]]:
        for route in found:
            path = before + getattr(route, "path", "")
            inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
            if inner:
                yield from walk(list(inner), path)
            elif type(route).__name__ != "Mount":
                for method in getattr(route, "methods", None) or {"WEBSOCKET"}:
                    yield method, path

    app: FastAPI = routes(DataPlane(Settings()))
    yield from walk(list(app.routes))


LOCKED = sorted({(method, path) for method, path in every_route() if path not in (*PUBLIC, "/")})


@pytest.fixture(scope="module")
def server():
    with open_server(key_digests=KEYS) as client:
        yield client


def test_the_walk_finds_every_kind_of_route() -> None:
    assert len(LOCKED) >= 15
    assert {path for _, path in LOCKED} >= {
        "/v1/digits",
        "/v2/models/{name}/infer",
        "/openapi.json",
        "/docs",
        "/v1/live",
    }


@pytest.mark.parametrize(("method", "path"), LOCKED)
def test_without_a_key_nothing_is_answered(server: TestClient, method: str, path: str) -> None:
    path = path.format(name="fake", version="1")
    for headers in ({}, {"X-API-Key": "wrong-key-here"}, {"Authorization": f"Basic {KEY}"}):
        if method == "WEBSOCKET":
            with pytest.raises(Exception) as refused, server.websocket_connect(path, headers=headers):
                pass
            status = getattr(refused.value, "status_code", None)
            assert status == 401 or isinstance(refused.value, WebSocketDisconnect)
            continue
        answer = server.request(method, path, headers=headers)
        assert answer.status_code == 401
        if method != "HEAD":
            assert answer.headers["www-authenticate"]
            assert "key" in answer.text


def test_what_does_not_exist_is_locked_too(server: TestClient) -> None:
    assert server.get("/v3/secret").status_code == 401


@pytest.mark.parametrize("path", PUBLIC)
def test_health_checks_need_no_key(server: TestClient, path: str) -> None:
    assert server.get(path).status_code == 200


@pytest.mark.parametrize("headers", [{"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}])
def test_with_a_key_the_request_is_answered(server: TestClient, headers: dict[str, str]) -> None:
    assert server.post("/v1/digits", content=png(bar(9)), headers={**PNG, **headers}).status_code == 200


def test_a_key_may_not_exceed_its_rate() -> None:
    now = [0.0]
    guard = Guard(Settings(key_digests=KEYS, per_minute=3), lambda: now[0])

    def ask(key: bytes) -> None:
        guard.check("/v1/digits", {b"x-api-key": key})

    for _ in range(3):
        ask(KEY.encode())
    with pytest.raises(RateLimited):
        ask(KEY.encode())
    ask(b"another-key")  # each key has a bucket of its own
    now[0] += 20
    ask(KEY.encode())
    with pytest.raises(RateLimited):
        ask(KEY.encode())
    with pytest.raises(Unauthorized):
        ask(b"nobody's")


def test_a_rate_limited_request_is_429_and_says_when_to_retry() -> None:
    with open_server(per_minute=1) as server:
        assert server.get("/v1/models").status_code == 200
        answer = server.get("/v1/models")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert server.get("/healthz").status_code == 200
