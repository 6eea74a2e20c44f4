"""Requests that stop on their way in: given up in time, their room given back, and no connection held for the rest."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product

import httpx

from tests.processes import until
from tests.serve_app.servers import PNG, bar, listening, png

NINE = png(bar(9))
WHERE = ["POST /v1/digits", "POST /v1/forms", "PUT /v1/templates/slow", "POST /v2/models/fake/infer"]
PARTS = [
    ("Content-Length: 200000", b""),
    ("Content-Length: 200000", bytes(100_000)),
    ("Transfer-Encoding: chunked", b"186a0\r\n" + bytes(100_000) + b"\r\n"),
]
REFUSED = {
    ("POST /nowhere", "Content-Length: 9"): (404, "not_found"),
    ("PATCH /v1/models", "Transfer-Encoding: chunked"): (405, "method_not_allowed"),
    ("DELETE /v1/templates/none", "Content-Length: 9"): (404, "not_found"),
    ("POST /v1/digits", "Content-Length: 999999999"): (413, "too_large"),
    ("POST /v1/digits", "Content-Length: 9\r\nContent-Type: text/plain"): (415, "unsupported_media_type"),
}


@contextmanager
def half_sent(port: int, heading: str, framing: str, part: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as caller:
        caller.sendall(f"{heading} HTTP/1.1\r\nHost: server\r\n{framing}\r\n\r\n".encode() + part)
        yield caller


def heard(caller: socket.socket) -> tuple[int, str, str]:
    """The status, and the kind of error and the message, once the server has hung up."""
    said = b"".join(iter(lambda: caller.recv(65536), b""))
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    error = json.loads(body)["error"]
    if isinstance(error, str):
        error = {"kind": "", "message": error.partition(" [")[0]}
    return int(head.split()[1]), error["kind"], error["message"]


def digit(port: int) -> int:
    return httpx.post(f"http://127.0.0.1:{port}/v1/digits", content=NINE, headers=PNG).status_code


def test_what_does_not_come_whole_is_given_up_and_its_room_is_for_others() -> None:
    cases = list(product(WHERE, PARTS))
    with listening(seconds=1, requests=len(cases), batch_rows=1) as port, ExitStack() as open_ones:
        callers = [
            open_ones.enter_context(half_sent(port, heading, f"Content-Type: image/png\r\n{framing}", part))
            for heading, (framing, part) in cases
        ]
        until(lambda: digit(port) == 503, "the server be full")
        answers = {heard(caller) for caller in callers}
        why = "The request did not come whole within 1 s."
        assert answers == {(408, "request_timeout", why), (408, "", why)}
        assert digit(port) == 200


def test_what_is_refused_early_takes_no_room_and_its_connection_is_not_held_for_the_rest() -> None:
    with listening(seconds=1, requests=1, batch_rows=1) as port, ExitStack() as open_ones:
        callers = []
        for heading, framing in REFUSED:
            callers.append(open_ones.enter_context(half_sent(port, heading, framing)))
            until(lambda: digit(port) == 200, "the room be free")
        assert [heard(caller)[:2] for caller in callers] == list(REFUSED.values())


def test_who_is_refused_while_still_sending_hears_it() -> None:
    """Cut off at once, some would hear only that they were."""
    with listening() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert {client.post("/nowhere", content=bytes(3_000_000)).status_code for _ in range(50)} == {404}


def test_a_connection_is_kept_after_a_request_that_came_whole_though_nobody_read_it() -> None:
    whole = b"POST /nowhere HTTP/1.1\r\nHost: server\r\nContent-Length: 9\r\n\r\n123456789"
    with listening() as port, socket.create_connection(("127.0.0.1", port), timeout=30) as caller:
        for _ in range(3):
            caller.sendall(whole)
            said = b""
            while not said.endswith(b"}}"):
                said += caller.recv(65536)
            assert said.startswith(b"HTTP/1.1 404 ")
            assert b"connection: close" not in said
