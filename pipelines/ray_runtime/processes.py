"""Finds the descendants of a process, and kills processes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import psutil


def children(parent: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(parent).children()
    return []


def descendants(ancestor: int) -> list[psutil.Process]:
    """Parents come before their children: killed in this order, no process is left that could start more."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(ancestor).children(recursive=True)
    return []


def kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
