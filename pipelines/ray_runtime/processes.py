"""Which processes came from one, as far as the system has a /proc to tell."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def children(parent: int) -> list[int]:
    with suppress(OSError):
        told = [file.read_text() for file in Path(f"/proc/{parent}/task").glob("*/children")]
        return [int(number) for line in told for number in line.split()]
    return []


def descendants(ancestor: int) -> Iterator[int]:
    """Parents before their children, so that whoever kills in this order leaves none that could have more."""
    for child in children(ancestor):
        yield child
        yield from descendants(child)


def kill(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
