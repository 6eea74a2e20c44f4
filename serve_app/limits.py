"""How much a request may be, checked before anything is decoded and while it still comes in."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Message, Receive

from serve_app.errors import TooLarge, WrongBody, WrongType


def check_length(headers: Mapping[bytes, bytes], limit: int) -> None:
    told = headers.get(b"content-length")
    if told is None:
        return
    if not told.isdigit():
        raise WrongBody(f"Content-Length is {told.decode('latin-1')!r}; it must be a number.")
    if len(told) > 18 or int(told) > limit:
        raise _too_large(limit)


def check_encoding(headers: Mapping[bytes, bytes]) -> None:
    """A few bytes that unfold into many are not taken; pictures are compressed already."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise WrongType("Content-Encoding is not taken here; send the body as it is.")


def limited(receive: Receive, limit: int) -> Receive:
    """`receive`, which refuses to bring more bytes than this, whatever the headers told."""
    come = 0

    async def counting() -> Message:
        nonlocal come
        message = await receive()
        come += len(message.get("body", b""))
        if come > limit:
            raise _too_large(limit)
        return message

    return counting


async def whole_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise WrongBody("The caller went away in the middle of the body.")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit:,} bytes; send less at once, or smaller pictures.")
