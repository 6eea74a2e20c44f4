"""Ends a job whose Ray died: Ray itself would keep it waiting for a minute, and then end it without a word."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from pipelines.ray_runtime.processes import descendants, kill

LOOK_S = 1.0
ANSWER_S = 5.0
LOST_S = 15.0
"""Seconds without an answer after which a cluster counts as lost. Its head may be started again within them."""
LEAVING_S = 10.0
"""Seconds in which the job may end by itself: Ray may have told it, or both were told to end, as a whole group is."""


@contextmanager
def ended_if(lost: Callable[[], str | None], leaving_s: float = LEAVING_S) -> Iterator[None]:
    """Within this context, end this process, and what it started, once `lost` tells what is the matter."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            if (why := lost()) and not over.wait(leaving_s):
                _end(why)

    threading.Thread(target=watch, name="ray-watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _end(why: str) -> NoReturn:
    """The main thread may be stuck in Ray, and so cannot be asked to."""
    with suppress(OSError):
        os.write(2, f"error: {why} Start the same again; what was done is kept.\n".encode())
    kill(descendants(os.getpid()))
    os._exit(1)


class Silence:
    """How long a cluster has not answered at its address."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._answered = time.monotonic()

    def __call__(self) -> str | None:
        try:
            check_listening(self._address)
        except OSError:
            silent = time.monotonic() - self._answered
            return (
                f"The Ray cluster at {self._address} has not answered for {silent:.0f} s." if silent > LOST_S else None
            )
        self._answered = time.monotonic()
        return None


def check_listening(address: str) -> None:
    """Raise OSError unless somebody listens there: Ray itself would ask a port where nobody does for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
