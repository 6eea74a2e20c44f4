"""The size limits of a request, checked before anything is decoded and while the body is still arriving."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.types import Message, Receive

from serve_app.errors import InvalidRequest, TooLarge, UnsupportedMediaType


def check_length(headers: Mapping[bytes, bytes], limit: int) -> None:
    length = headers.get(b"content-length")
    if length is None:
        return
    if not length.isdigit():
        raise InvalidRequest(f"Content-Length is {length.decode('latin-1')!r}; it must be a number.")
    if len(length) > 18 or int(length) > limit:
        raise _too_large(limit)


def check_encoding(headers: Mapping[bytes, bytes]) -> None:
    """Refuse compressed bodies, since a few bytes can expand to very many; images are compressed already."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType("Content-Encoding is not supported; send the body uncompressed.")


class Body:
    """The body of a request as it arrives; no more than the limit is read, whatever the headers say."""

    def __init__(self, receive: Receive, headers: Mapping[bytes, bytes], limit: int, seconds: float) -> None:
        self.deadline = asyncio.get_running_loop().time() + seconds
        self._receive, self._limit, self._come = receive, limit, 0
        self._whole = headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers

    async def receive(self) -> Message:
        message = await self._next()
        self._come += len(message.get("body", b""))
        if self._come > self._limit:
            raise _too_large(self._limit)
        return message

    async def read(self) -> bytes:
        parts: list[bytes] = []
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise InvalidRequest("The caller went away in the middle of the body.")
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def is_whole(self, by: float = 0.0) -> bool:
        """Whether the whole body has come, waiting for it until `by` (loop time); what comes then is dropped."""
        if not self._whole:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(by):
                    while not self._whole:
                        await self._next()
        return self._whole

    async def _next(self) -> Message:
        message = await self._receive()
        self._whole = not message.get("more_body")
        return message


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit:,} bytes; send fewer or smaller images at once.")
