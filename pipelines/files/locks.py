"""Files and folders that one process at a time holds, and that say which."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HeldByAnother(Exception):
    """`str(error)` says which process holds the file, as far as that is known."""


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the file, or the folder where it is one, until the end; the lock dies with its holder, too.

    Another holder is waited for, or without `wait` answered by `HeldByAnother`.
    """
    folder = path.is_dir()
    handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _taken(handle, wait):
            holder = "" if folder else os.read(handle, 256).decode(errors="replace").strip()
            raise HeldByAnother(holder or "unknown")
        if not folder:
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} on {os.uname().nodename}".encode())
        yield
    finally:
        os.close(handle)


def _taken(handle: int, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
