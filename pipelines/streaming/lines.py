"""What a stream says: a line every ten seconds for people, or one each second for programs."""

from __future__ import annotations

import json
import time
from typing import Any, TextIO

from rich.console import Console

from pipelines.streaming.status import StreamStatus

EVERY_S = 10.0


class StatusLines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed_at = 0.0
        self._printed: StreamStatus | None = None

    def line(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def alert(self, text: str) -> None:
        self.line(f"alert: {text}")

    def status(self, status: StreamStatus) -> None:
        now = time.monotonic()
        is_news = self._printed is None or status.items != self._printed.items or status.waiting or status.under_way
        if is_news and now - self._printed_at >= EVERY_S:
            self._printed_at, self._printed = now, status
            self.line(str(status))


class StatusObjects:
    """A JSON object on each line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def line(self, text: str) -> None:
        self._write("remark", text=text)

    def alert(self, text: str) -> None:
        self._write("alert", text=text)

    def status(self, status: StreamStatus) -> None:
        self._write("status", **status.as_dict())

    def _write(self, event: str, **about: Any) -> None:
        print(json.dumps({"event": event, "time": round(time.time(), 3), **about}), file=self._out, flush=True)
