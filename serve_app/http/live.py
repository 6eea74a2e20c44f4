"""The WebSocket `/v1/live`: camera frames in, boxes and digits out; if frames pile up, only the newest is read."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from pipelines.errors import InkrayError
from serve_app.errors import InvalidRequest, Overloaded, TooLarge, error_response
from serve_app.http.access import key_protocol
from serve_app.http.gateway import REQUEST
from serve_app.serving.answers import as_json
from serve_app.serving.dataplane import DataPlane
from serve_app.serving.strings import read_photo

TRY_AGAIN, TOO_BIG = 1013, 1009


class LatestFrame:
    """Holds one frame and its number; a newer one replaces it."""

    def __init__(self) -> None:
        self._frame: bytes | None = None
        self._number = -1
        self._arrived = asyncio.Event()

    def put(self, frame: bytes) -> None:
        self._frame = frame
        self._number += 1
        self._arrived.set()

    async def take(self) -> tuple[int, bytes]:
        await self._arrived.wait()
        self._arrived.clear()
        assert self._frame is not None
        frame, self._frame = self._frame, None
        return self._number, frame


class LiveSession:
    def __init__(self, plane: DataPlane, socket: WebSocket) -> None:
        self._plane, self._socket, self._newest = plane, socket, LatestFrame()

    async def run(self) -> None:
        """Run until the caller disconnects or the session's time limit is reached."""
        answering = asyncio.create_task(self._answer())
        try:
            async with asyncio.timeout(self._plane.settings.live_seconds):
                await self._receive(answering)
        except TimeoutError:
            return
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    async def _receive(self, answering: asyncio.Task[None]) -> None:
        """Take every message at once, so that the caller never has to wait."""
        while not answering.done():
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            frame = message.get("bytes")
            if frame is None:
                raise InvalidRequest("A frame is the bytes of a JPEG or PNG, sent as a binary message.")
            if len(frame) > self._plane.settings.body_bytes:
                raise TooLarge(f"A frame is larger than {self._plane.settings.body_bytes:,} bytes.")
            self._newest.put(frame)

    async def _answer(self) -> None:
        while True:
            number, frame = await self._newest.take()
            started = time.perf_counter()
            result = await self._read(frame)
            elapsed_ms = round((time.perf_counter() - started) * 1000, 1)
            await self._socket.send_text(as_json({"frame": number, **result, "ms": elapsed_ms}).decode())

    async def _read(self, frame: bytes) -> Mapping[str, Any]:
        """One bad frame does not end the session."""
        try:
            return {"strings": await read_photo(self._plane, frame)}
        except Exception as error:  # noqa: BLE001 - a session that ended here would leave its caller waiting
            refused = error_response(error)
            self._plane.meters.error(refused.kind)
            return {"error": {**refused.entry(), "request": REQUEST.get()}}


def router(plane: DataPlane) -> APIRouter:
    routes, running = APIRouter(), set[LiveSession]()

    @routes.websocket("/v1/live")
    async def live(socket: WebSocket) -> None:
        # A browser that offered a subprotocol disconnects unless the server selects it.
        await socket.accept(key_protocol(dict(socket.scope["headers"])))
        session = LiveSession(plane, socket)
        try:
            if len(running) >= plane.settings.live:
                raise Overloaded(f"{len(running)} live sessions are open already; try again later.")
            running.add(session)
            await session.run()
            await socket.close()
        except InkrayError as error:
            refused = error_response(error)
            plane.meters.error(refused.kind)
            await socket.send_text(json.dumps({"error": {**refused.entry(), "request": REQUEST.get()}}))
            await socket.close(TRY_AGAIN if isinstance(error, Overloaded) else TOO_BIG, refused.kind)
        except (WebSocketDisconnect, RuntimeError):
            return  # the caller disconnected while it was being answered
        finally:
            running.discard(session)

    return routes
