"""Frames per second that a live session answers when it is sent two cameras' worth and reads the newest."""

from __future__ import annotations

import asyncio
import json
import time

import cv2
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from pipelines.drawing.pen import draw_digit

CAMERA = 60.0
"""The frames per second that are sent, however many are answered."""
DIGITS = "2071"


def camera_frame() -> bytes:
    """A JPEG of 640x480 with a number written on it."""
    random = np.random.default_rng(7)
    frame = np.full((480, 640), 215.0) + random.normal(0, 3, (480, 640))
    for place, digit in enumerate(DIGITS):
        ink = cv2.resize(draw_digit(int(digit), random), (84, 84))
        left = 170 + 60 * place
        frame[200:284, left : left + 84] -= ink * 0.6
    return cv2.imencode(".jpg", np.clip(frame, 0, 255).astype(np.uint8))[1].tobytes()


def live_frames(url: str, seconds: float) -> tuple[float, float, float]:
    """Answers per second, and the median and 99th percentile of the latency of a frame in milliseconds."""
    return asyncio.run(_watch(url, seconds))


async def _watch(url: str, seconds: float) -> tuple[float, float, float]:
    frame, sent, latencies = camera_frame(), list[float](), list[float]()
    async with connect(url) as socket:
        sending = asyncio.create_task(_send(socket, frame, sent))
        start = time.perf_counter()
        while time.perf_counter() < start + seconds:
            answer = json.loads(await socket.recv())
            assert "".join(found["value"] for found in answer["strings"]) == DIGITS, answer
            latencies.append(1000 * (time.perf_counter() - sent[answer["frame"]]))
        sending.cancel()
    return len(latencies) / seconds, float(np.median(latencies)), float(np.percentile(latencies, 99))


async def _send(socket: ClientConnection, frame: bytes, sent: list[float]) -> None:
    while True:
        sent.append(time.perf_counter())
        await socket.send(frame)
        await asyncio.sleep(1 / CAMERA)
