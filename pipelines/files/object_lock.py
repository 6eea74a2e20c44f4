"""A lock in an object store: an object that only one process can create, and that its holder renews while it lives.

A holder that was killed renews nothing more. Whoever sees that for STALE_S takes the object over, by a write that the
store accepts only over the version that was seen; of two that try, one succeeds. No clocks are compared. Where the
holder was a process of this machine, it is asked whether that still runs, which takes no time.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import psutil

from pipelines.errors import InkrayError
from pipelines.files.locks import HeldByAnother

RENEW_S = 5.0
STALE_S = 30.0
LOOK_S = 1.0


class Versioned(Protocol):
    shown: str

    def put_if(self, name: str, content: bytes, version: Any | None) -> Any | None: ...

    def get_version(self, name: str) -> tuple[bytes, Any] | None: ...

    def delete(self, name: str) -> None: ...


class ObjectLock:
    def __init__(self, storage: Versioned, name: str) -> None:
        self._storage, self._name = storage, name
        self._about = {
            "holder": f"{os.getpid()} on {os.uname().nodename}",
            "token": uuid.uuid4().hex,
            "machine": _machine(),
            "pid": os.getpid(),
            "began": psutil.Process().create_time(),
        }
        self._version: Any = None
        self._renewals = 0
        self._one_at_a_time = threading.Lock()
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._renew_until_over, daemon=True)

    def __enter__(self) -> ObjectLock:
        while self._version is None:
            self._version = self._written_over(self._abandoned())
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._renewing.join()
        # A store that does not answer any more is told by whatever else was under way; the lock grows stale there.
        with suppress(InkrayError):
            # What another has taken over is not ours to free.
            self._renew()
            if self._version is not None:
                self._storage.delete(self._name)

    def check(self) -> None:
        """Renew it now; an error if another process took it over."""
        self._renew()
        if self._version is None:
            found = self._storage.get_version(self._name)
            other = json.loads(found[0])["holder"] if found else "it is gone"
            raise InkrayError(
                f"Another process ({other}) took the run in {self._storage.shown} over, since this one did not renew "
                f"its lock for {STALE_S:g} s; leave the run to that one."
            )

    def _abandoned(self) -> Any | None:
        """The version to write over, whose holder is gone; None if there is no lock. `HeldByAnother` if it lives."""
        found = self._storage.get_version(self._name)
        deadline = time.monotonic() + STALE_S
        while found is not None:
            holder = json.loads(found[0])
            if _has_ended(holder) or time.monotonic() > deadline:
                return found[1]
            if _is_running(holder):
                raise HeldByAnother(holder["holder"])
            time.sleep(LOOK_S)
            again = self._storage.get_version(self._name)
            if again is not None and again[1] != found[1]:
                raise HeldByAnother(json.loads(again[0])["holder"])
            found = again
        return None

    def _renew_until_over(self) -> None:
        while not self._over.wait(RENEW_S):
            try:
                self._renew()
            except InkrayError:
                # The store does not answer; the next renewal shows whether the lock is still ours.
                continue

    def _renew(self) -> None:
        with self._one_at_a_time:
            if self._version is not None:
                self._renewals += 1
                self._version = self._written_over(self._version)

    def _written_over(self, version: Any | None) -> Any | None:
        if written := self._storage.put_if(self._name, self._content(), version):
            return written
        # It is refused, too, if an answer was lost on the way and the library asked once more.
        found = self._storage.get_version(self._name)
        return found[1] if found and json.loads(found[0])["token"] == self._about["token"] else None

    def _content(self) -> bytes:
        return json.dumps(self._about | {"renewals": self._renewals}).encode()


def _machine() -> str:
    """What process ids count in: this start of this machine, or of the container."""
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"


def _is_running(holder: dict[str, Any]) -> bool:
    """Whether it is known to run, being a process of this machine."""
    return holder["machine"] == _machine() and _same_process(holder)


def _has_ended(holder: dict[str, Any]) -> bool:
    """Whether it is known to have ended, being a process of this machine."""
    return holder["machine"] == _machine() and not _same_process(holder)


def _same_process(holder: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(holder["pid"])
        return process.create_time() == holder["began"] and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
