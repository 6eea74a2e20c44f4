"""Thousands of damaged requests: each is answered, none with an internal error, and the server goes on."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from serve_app.http.asgi import build
from serve_app.serving.dataplane import DataPlane
from serve_app.settings import Settings
from tests.serve_app.servers import bar, open_fake, open_server, png
from tests.serve_app.serving.test_forms import TEMPLATE

NINE = png(bar(9))
INFER = "/v2/models/fake/infer"
COUNT = 10_000
CONCURRENT = 25


def infer_body(binary: bool) -> tuple[bytes, int]:
    tensor: dict[str, Any] = {"name": "images", "datatype": "UINT8", "shape": [1, 28, 28]}
    tensor |= {"parameters": {"binary_data_size": 784}} if binary else {"data": bar(9).tolist()}
    head = json.dumps({"inputs": [tensor], "outputs": [{"name": "labels"}], "id": "1"}).encode()
    return head + bytes(784 * binary), len(head)


def form() -> bytes:
    part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return part + NINE + b"\r\n--x--\r\n"


def requests() -> list[tuple[str, str, dict[str, str], bytes]]:
    """Valid requests: method, target, headers, body."""
    as_json, _ = infer_body(False)
    binary, length = infer_body(True)
    pictures = json.dumps({"images": [base64.b64encode(NINE).decode()], "model": "fake"}).encode()
    return [
        ("POST", "/v1/digits?include_input=true", {"content-type": "image/png"}, NINE),
        ("POST", "/v1/digits", {"content-type": "application/json"}, pictures),
        ("POST", "/v1/digits?model=fake", {"content-type": "multipart/form-data; boundary=x"}, form()),
        ("POST", INFER, {"content-type": "application/json"}, as_json),
        ("POST", INFER, {"inference-header-content-length": str(length)}, binary),
        ("POST", INFER, {"inference-header-content-length": str(length)}, binary),
        ("PUT", "/v1/templates/mutant", {"content-type": "application/yaml"}, TEMPLATE.encode()),
    ]


VALID = requests()


def mutated(chance: random.Random) -> tuple[str, str, dict[str, str], bytes]:
    # The template is the last, and much slower to read than the others.
    method, target, headers, body = chance.choices(VALID, (4, 4, 4, 4, 4, 4, 0.4))[0]
    damage = chance.choice((_flip, _cut, _repeat, _insert, _swap))
    where = chance.random()
    if where < 0.8:
        return method, target, headers, damage(body, chance)
    if where < 0.9:
        name = chance.choice(list(headers))
        return method, target, {**headers, name: damage(headers[name].encode(), chance).decode("latin-1")}, body
    path, _, query = target.partition("?")
    return method, f"{path}?{damage((query or 'include_input=1').encode(), chance).decode('latin-1')}", headers, body


def _flip(text: bytes, chance: random.Random) -> bytes:
    changed = bytearray(text)
    for _ in range(chance.randint(1, 8)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(text: bytes, chance: random.Random) -> bytes:
    return text[: chance.randrange(len(text) + 1)]


def _repeat(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text) + 1)
    return text[:at] + text[at : at + 40] * chance.randint(2, 30) + text[at:]


def _insert(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text) + 1)
    odd = (b"\0", b"null", b"-1", b"9" * 400, b"[" * 2000, b"1e999", b"\xff\xfe", b"true", b'"', b"\r\n", b"{}", b"NaN")
    return text[:at] + chance.choice(odd) + text[at:]


def _swap(text: bytes, chance: random.Random) -> bytes:
    first, second = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    return text[second:] + text[first:second] + text[:first]


async def ask(app: Any, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    path, _, query = target.partition("?")
    response: dict[str, Any] = {}
    chunks: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        response.update(message)
        chunks.append(message.get("body", b""))

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "http_version": "1.1"}
    scope |= {"query_string": query.encode("latin-1"), "root_path": "", "scheme": "http", "server": ("server", 80)}
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await asyncio.wait_for(app({**scope, "headers": sent}, receive, send), 30)
    return response["status"], b"".join(chunks)


def with_plane(work: Callable[[Any], Any], **settings: Any) -> Any:
    async def around() -> Any:
        plane = DataPlane(Settings(**{"models": ("fake",), "watch_seconds": 0, **settings}), opener=open_fake)
        app = build(plane)
        await plane.start()
        try:
            return await work(app)
        finally:
            await plane.stop()

    return asyncio.run(around())


def test_ten_thousand_damaged_requests_are_answered_and_none_with_an_internal_error(tmp_path: Any) -> None:
    chance = random.Random(7)
    faults: list[Any] = []

    async def work(app: Any) -> Counter[int]:
        statuses: Counter[int] = Counter()
        todo: Iterator[int] = iter(range(COUNT))

        async def some() -> None:
            for _ in todo:
                request = mutated(chance)
                status, body = await ask(app, *request)
                statuses[status] += 1
                if status >= 500 or b"Traceback" in body or b'File "' in body:
                    faults.append((status, request, body))

        await asyncio.gather(*(some() for _ in range(CONCURRENT)))
        status, body = await ask(app, "POST", "/v1/digits", {"content-type": "image/png"}, NINE)
        assert status == 200 and json.loads(body)["items"][0]["label"] == "9"
        return statuses

    statuses = with_plane(work, templates=str(tmp_path))
    assert faults == []
    assert sum(statuses.values()) == COUNT
    assert statuses[200] > 100 and statuses[400] > 1000 and statuses[422] > 100, "they were hardly damaged, or all"


def test_damaged_frames_do_not_end_a_live_session() -> None:
    chance = random.Random(8)
    with open_server() as server, server.websocket_connect("/v1/live") as live:
        for frame in range(100):
            live.send_bytes(chance.choice((_flip, _cut, _repeat, _insert, _swap))(NINE, chance))
            answer = live.receive_json()
            assert answer["frame"] == frame and ("strings" in answer or answer["error"]["kind"] == "data")


def test_valid_requests_are_read() -> None:
    async def work(app: Any) -> list[int]:
        return [(await ask(app, *request))[0] for request in VALID[:-1]]

    assert with_plane(work) == [200] * 6
