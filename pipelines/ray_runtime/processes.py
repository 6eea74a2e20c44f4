"""Finds the descendants of a process, on systems that have /proc, and kills processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def children(parent: int) -> list[int]:
    with suppress(OSError):
        lines = [file.read_text() for file in Path(f"/proc/{parent}/task").glob("*/children")]
        return [int(number) for line in lines for number in line.split()]
    return []


def descendants(ancestor: int) -> Iterator[int]:
    """Yield parents before their children: killed in this order, no process is left that could start more."""
    for child in children(ancestor):
        yield child
        yield from descendants(child)


def kill(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
