"""The folder of a job's own Ray: removed at the end of the job or, if that is killed, by the next job."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX, LOCK, RAY = "inkray-", "job.lock", "ray"
LAST_WORDS_S = 1.0


@contextmanager
def session_folder() -> Iterator[Path]:
    """A folder that only this user can open, locked by this process; Ray's own is the folder `ray` in it."""
    parent = Path(_short(tempfile.gettempdir()))
    _remove_leftovers(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    with FileLock(folder / LOCK):
        (folder / RAY).mkdir()
        try:
            yield folder
        finally:
            _remove(folder)


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders of jobs that were killed: nobody holds their locks."""
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        # A job that is just beginning makes `ray` when it holds the lock.
        if (lock.parent / RAY).exists():
            with suppress(Timeout, OSError), FileLock(lock, blocking=False):
                _remove(lock.parent)


def _remove(folder: Path) -> None:
    """A process that was killed may be about to write there even now."""
    deadline = time.monotonic() + LAST_WORDS_S
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)


def _short(folder: str) -> str:
    """Ray's sockets lie up to 86 characters deeper, and must fit in 107."""
    return folder if len(folder) <= 21 else "/tmp"
