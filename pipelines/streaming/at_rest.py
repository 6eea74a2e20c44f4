"""Whether somebody is still writing a file, as far as the system tells."""

from __future__ import annotations

import errno
import fcntl
import os
import signal


def is_written_to(path: str) -> bool:
    """Whether a process of this machine has it open for writing or holds a lock on it; False where that is unknown."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return _is_locked(opened) or _has_writers(opened)
    finally:
        os.close(opened)


def _is_locked(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(opened, fcntl.LOCK_UN)
    except OSError as error:
        return error.errno == errno.EAGAIN
    return False


def _has_writers(opened: int) -> bool:
    """The kernel grants a lease for reading only on a file that nobody has open for writing."""
    try:
        # Whoever opens it for writing in this instant would otherwise end this process by SIGIO.
        fcntl.fcntl(opened, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    return False
