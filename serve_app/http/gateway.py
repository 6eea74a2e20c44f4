"""What every request passes through on its way to a route: request id, API key, limits, timeout, headers.

It is plain ASGI, and it answers the one request that must be fast, a single image of a digit, itself.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Iterable
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.errors import (
    DeadlineExceeded,
    ErrorResponse,
    Overloaded,
    RequestError,
    RequestTimeout,
    error_response,
)
from serve_app.http.access import PUBLIC, Guard
from serve_app.http.limits import Body, check_encoding, check_length
from serve_app.http.query import read_options
from serve_app.serving.dataplane import DataPlane

REQUEST: ContextVar[str] = ContextVar("request", default="-")
"""The id of the current request."""
VALID_REQUEST_ID = re.compile(rb"[\w.:-]{1,64}")
SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
PAGE_SECURITY = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
        b"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
)
"""Headers for pages shown in a browser; on a digit's answer they would be longer than the answer."""
JSON_TYPE = (b"content-type", b"application/json")
CLOSE = (b"connection", b"close")
FAST_PATH = "/v1/digits"

Headers = Iterable[tuple[bytes, bytes]]


class Gateway:
    def __init__(self, plane: DataPlane, inner: ASGIApp, adds_request_id: bool = True) -> None:
        """`adds_request_id` is False if the server around this app adds the header X-Request-ID itself."""
        self._plane, self._inner, self._adds_request_id = plane, inner, adds_request_id
        self._settings, self._meters = plane.settings, plane.meters
        self._guard = Guard(plane.settings)
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        body = Body(receive, headers, self._settings.body_bytes, self._settings.seconds)
        answer = _Answer(send, body, _request_id(headers), scope["path"], self._adds_request_id)
        token, started = REQUEST.set(answer.request), time.perf_counter()
        self._running += 1
        try:
            await self._answer(scope, headers, body, answer)
        finally:
            self._running -= 1
            route = FAST_PATH if answer.fast else getattr(scope.get("route"), "path", "other")
            self._meters.request(route, answer.status, time.perf_counter() - started)
            REQUEST.reset(token)
        await answer.end()

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], body: Body, answer: _Answer) -> None:
        try:
            async with asyncio.timeout_at(body.deadline):
                await self._admit(scope, headers, body, answer)
        except TimeoutError:
            await self._refuse(answer, error_response(await self._late(body)))
        except Exception as error:  # noqa: BLE001 - the caller must get an answer, whatever went wrong
            await self._refuse(answer, error_response(error))

    async def _admit(self, scope: Scope, headers: dict[bytes, bytes], body: Body, answer: _Answer) -> None:
        self._guard.check(scope["path"], headers)
        if self._running > self._settings.requests and scope["path"] not in PUBLIC:
            raise Overloaded(f"{self._running - 1} requests are in progress already; try again in a second.")
        check_encoding(headers)
        check_length(headers, self._settings.body_bytes)
        if scope["method"] == "POST" and scope["path"] == FAST_PATH and _is_picture(headers):
            answer.fast = True
            options = read_options(scope["query_string"])
            await answer.whole(200, await self._plane.digit(await body.read(), options))
        else:
            await self._inner(scope, body.receive, answer.send)

    async def _late(self, body: Body) -> RequestError:
        within = f"within {self._settings.seconds:g} s."
        if await body.is_whole():
            return DeadlineExceeded(f"No answer {within}")
        return RequestTimeout(f"The request did not come whole {within}")

    async def _refuse(self, answer: _Answer, refused: ErrorResponse) -> None:
        self._meters.error(refused.kind)
        # An answer that has already started can no longer become an error, so it is cut short.
        if not answer.status:
            await answer.whole(refused.status, refused.body(answer.request, answer.path), refused.headers)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        token = REQUEST.set(_request_id(headers))
        try:
            self._guard.check(scope["path"], headers)
        except Exception as error:  # noqa: BLE001 - as above
            await _reject_websocket(scope, send, error_response(error))
        else:
            await self._inner(scope, receive, send)
        finally:
            REQUEST.reset(token)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Load the models when the server starts, and close them when it stops."""
        await receive()
        try:
            await self._plane.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._plane.stop()
        await send({"type": "lifespan.shutdown.complete"})


class _Answer:
    """The response to one request, with the headers that every response has."""

    def __init__(self, send: Send, body: Body, request: str, path: str, adds_request_id: bool) -> None:
        self._send, self._body, self.request, self.path = send, body, request, path
        self._always = (*SECURITY, (b"x-request-id", request.encode())) if adds_request_id else SECURITY
        self._closes = self._ends = False
        self.status = 0
        self.fast = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            always = self._always if _is_json(given) else (*self._always, *PAGE_SECURITY)
            message["headers"] = given + [pair for pair in always if pair[0] not in names]
        await self._pass(message)

    async def whole(self, status: int, body: bytes, headers: Headers = ()) -> None:
        self.status = status
        length = (b"content-length", b"%d" % len(body))
        started = {
            "type": "http.response.start",
            "status": status,
            "headers": [JSON_TYPE, length, *self._always, *headers],
        }
        await self._pass(started)
        await self._pass({"type": "http.response.body", "body": body})

    async def _pass(self, message: Message) -> None:
        """Send a message; if the answer precedes the end of the request, close the connection after it.

        Kept alive, the connection would be blocked by the rest of the request.
        """
        if message["type"] == "http.response.start" and not await self._body.is_whole():
            self._closes = True
            message["headers"] = [*message["headers"], CLOSE]
        elif self._closes and not message.get("more_body"):
            self._ends, message = True, {**message, "more_body": True}
        await self._send(message)

    async def end(self) -> None:
        """Receive the rest of the body until the deadline: a client cut off while sending might miss the answer."""
        if self._ends:
            await self._body.is_whole(by=self._body.deadline)
            await self._send({"type": "http.response.body"})


def _is_json(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"application/json") for name, value in headers)


def _request_id(headers: dict[bytes, bytes]) -> str:
    """The id that the caller or a proxy sent, so that all logs share it; else a new one."""
    given = headers.get(b"x-request-id", b"")
    return given.decode() if VALID_REQUEST_ID.fullmatch(given) else os.urandom(8).hex()


def _is_picture(headers: dict[bytes, bytes]) -> bool:
    kind = headers.get(b"content-type", b"")
    return kind.startswith((b"image/", b"application/octet-stream"))


async def _reject_websocket(scope: Scope, send: Send, refused: ErrorResponse) -> None:
    """Refuse a WebSocket before it is accepted, with an HTTP response if the server can send one."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refused.kind})
        return
    body = refused.body(REQUEST.get(), scope["path"])
    headers = [JSON_TYPE, *SECURITY, *refused.headers, (b"x-request-id", REQUEST.get().encode())]
    await send({"type": "websocket.http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
