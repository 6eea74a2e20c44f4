"""Limits on time, memory and size for opening a document, and their enforcement: a process that hangs is killed."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from pipelines.images.decoding import MAX_PIXELS

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits for one document; if it exceeds one, the document or the page is refused."""

    dpi: int = 200
    """Resolution at which PDF pages are rendered; image files have their own pixels."""
    pixels: int = MAX_PIXELS
    """Maximum pixels of a page."""
    pages: int = 5_000
    """Maximum pages per document."""
    seconds: float = 30.0
    """Maximum time to open the document, and to render each page."""
    memory_mib: int = 2_048
    """Maximum memory of the worker process, beyond what it uses when idle."""


DEFAULT_LIMITS = Limits()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Kill this process by SIGALRM when time is up: nothing else stops a library that hangs when the parent is gone."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def limit_memory(mib: int) -> None:
    """Let this process allocate `mib` more than it has now, and dump no core if it crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = psutil.Process().memory_info().vms + mib * MIB
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def resident_mib() -> int:
    return psutil.Process().memory_info().rss // MIB
