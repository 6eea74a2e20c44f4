"""How many threads an engine may use."""

from __future__ import annotations

import os


def available_threads() -> int:
    """The CPUs that Ray assigned (it sets OMP_NUM_THREADS), else those that this process may run on."""
    assigned = os.environ.get("OMP_NUM_THREADS", "")
    if assigned.isdigit() and int(assigned) > 0:
        return int(assigned)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
