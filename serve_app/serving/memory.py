"""Memory that large photos and pages have used, and that the C library would keep for later."""

from __future__ import annotations

import ctypes

from pipelines.documents.limits import resident_mib

LARGEST_IDLE_MIB = 512
"""A replica that has grown beyond this gives back what it no longer uses."""


def release_unused_memory() -> None:
    # Only glibc has it, and only glibc needs it: freed blocks of many MiB stay in its arenas.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None and resident_mib() > LARGEST_IDLE_MIB:
        trim(0)
