"""The processes that open documents, as the tests see them."""

from __future__ import annotations

import os

from cluster.processes import is_running
from pipelines.documents.worker_handle import WORKER
from pipelines.ray_runtime.processes import children


def workers(parent: int | None = None) -> list[int]:
    """The processes that open documents for this process, or for another."""
    return [child.pid for child in children(parent or os.getpid()) if is_running(child) and WORKER in child.cmdline()]
