"""How a job ends that is told to: what is under way is cleared up, and whatever takes too long at that is cut off."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from pipelines.ray_runtime.processes import descendants, kill

ENDING = {signal.SIGTERM: "ended by SIGTERM", signal.SIGINT: "interrupted"}
GRACE_S = 8.0
"""A job clears up within three seconds, and is to be gone ten seconds after it was told."""
LAST_RESORT_S = 1.0

# A child that is forked off has the same pipe, and what it is told is not meant for its parent.
os.register_at_fork(after_in_child=partial(signal.set_wakeup_fd, -1))


@contextmanager
def endable(heard: list[int], grace: float) -> Iterator[None]:
    """Within, SIGTERM interrupts as Ctrl-C does: `ray job stop` sends it, and a system that shuts down.

    What was heard is noted beside, since Ray raises an interrupt of its own in place of one that reached it inside.
    From then on nothing else that is heard breaks off the clearing up, and the grace runs until the process has ended.
    """

    def interrupt(number: int, _: object) -> None:
        if not heard:
            heard.append(number)
            _have_it_ended_after(grace)
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in ENDING if not _is_ignored(number)}
    forget = _watch_over(grace)
    try:
        yield
    finally:
        if not heard:
            forget()
            for number, answer in before.items():
                signal.signal(number, answer)


def _is_ignored(number: signal.Signals) -> bool:
    """As Ctrl-C is, and is to be, by what runs in the background of a shell."""
    return number == signal.SIGINT and signal.getsignal(number) is signal.SIG_IGN


def _watch_over(grace: float) -> Callable[[], None]:
    """Until it is forgotten, a signal to end is also heard by a thread of its own.

    Python answers signals only where the main thread is in between two of its steps, which it may never be again while
    it is inside a library. It writes down at once which ones came, though.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=_cut_off, args=(read, grace), daemon=True).start()

    def forget() -> None:
        signal.set_wakeup_fd(before)
        os.close(write)

    return forget


def _cut_off(read: int, grace: float) -> None:
    with open(read, "rb", buffering=0) as told:
        for [number] in iter(partial(told.read, 1), b""):
            if number in ENDING:
                _end_after(grace, signal.Signals(number))


def _end_after(grace: float, number: signal.Signals) -> None:
    _have_it_ended_after(grace)
    time.sleep(grace)
    words = f"{ENDING[number]}; what was under way did not end within {grace:g} s, and was cut off\n"
    with suppress(OSError):
        os.write(2, words.encode())
    # A Ray of the job's own would have some of its processes live on for a minute.
    kill(list(descendants(os.getpid())))
    os._exit(128 + number)


def _have_it_ended_after(grace: float) -> None:
    """By the system: once Python takes itself apart no thread of it runs any more, and libraries may hang even then."""
    if not signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.setitimer(signal.ITIMER_REAL, grace + LAST_RESORT_S)
