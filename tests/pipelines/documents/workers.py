"""The processes that open documents, as the tests see them."""

from __future__ import annotations

import os
from pathlib import Path


def workers(parent: int | None = None) -> list[int]:
    """The processes that open documents for this process, or for another."""
    tasks = Path(f"/proc/{parent or os.getpid()}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [child for child in children if b"pipelines.documents.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]
