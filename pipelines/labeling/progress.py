"""The progress of a run on a console: a live bar on a terminal, elsewhere a line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.labeling.pace import pace
from pipelines.labeling.pipeline import ShardDone

EVERY_S = 10.0


class LabelingDisplay:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._items = self._done = self._already = self._errors = 0
        self._items_name = ""
        self._started = self._printed_at = time.monotonic()
        self._bar = Progress(
            TextColumn("labelling"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}/s, {task.fields[errors]:,} errors"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", speed=pace(0), errors=0)

    @contextmanager
    def under_way(self, items: int, done: int, items_name: str) -> Iterator[None]:
        self._items, self._done, self._already, self._items_name = items, done, done, items_name
        self._started = self._printed_at = time.monotonic()
        self._bar.update(self._task, total=items, completed=done)
        with self._bar:
            yield

    def line(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def ended(self, line: str, summary: dict[str, Any]) -> None:
        self.line(line)

    def shard_done(self, done: ShardDone) -> None:
        self._done += done.items
        self._errors += done.errors
        now = time.monotonic()
        speed = (self._done - self._already) / max(now - self._started, 1e-6)
        self._bar.update(self._task, completed=self._done, speed=pace(speed), errors=self._errors)
        if not self._console.is_terminal and now - self._printed_at >= EVERY_S:
            self._printed_at = now
            left = (self._items - self._done) / max(speed, 1e-6)
            self.line(
                f"{self._done:,} of {self._items:,} {self._items_name}, {pace(speed)} a second, "
                f"{self._errors:,} errors, {left:,.0f} s left"
            )
