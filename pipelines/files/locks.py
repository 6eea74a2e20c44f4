"""Files that one process at a time holds, and that say which."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class HeldByAnother(Exception):
    """`str(error)` says which process holds the file, as far as that is known."""


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the file until the end; the lock dies with its holder, too.

    Another holder is waited for, or without `wait` answered by `HeldByAnother`.
    """
    # Where a file system has no locks, one that a killed holder left behind would be worse than an error.
    lock = FileLock(path, blocking=wait, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise HeldByAnother(path.read_text(errors="replace") or "unknown") from None
    try:
        path.write_text(f"{os.getpid()} on {os.uname().nodename}")
        yield
    finally:
        lock.release()
