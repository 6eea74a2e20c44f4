"""A file that one process at a time holds, and that says which."""

from __future__ import annotations

import fcntl
import os
from typing import IO


def held_by_another(lock: IO[str]) -> str | None:
    """Who holds it, as far as that is known; None if nobody did, and this process does now, until it is closed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        return lock.read().strip() or "unknown"
    lock.truncate(0)
    lock.write(f"{os.getpid()} on {os.uname().nodename}")
    lock.flush()
    return None
