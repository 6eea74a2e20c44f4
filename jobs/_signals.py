"""How a job ends after SIGTERM or Ctrl-C: it is interrupted so that it can clean up, and killed if that takes too long.

Three mechanisms back each other up. A signal handler raises KeyboardInterrupt, for a clean end. A watchdog thread,
woken through Python's wakeup file descriptor, ends the process after the grace period even if the main thread is stuck
in a library. An interval timer has the kernel kill the process even if a library keeps all of Python from running.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import NoReturn

from pipelines.ray_runtime.processes import descendants, kill

ENDING = {signal.SIGTERM: "ended by SIGTERM", signal.SIGINT: "interrupted"}
GRACE_S = 8.0
"""Seconds that a job has to clean up. It usually takes three, and the job must be gone ten seconds after the signal."""
LAST_RESORT_S = 1.0
"""Seconds after the grace period until the kernel's timer kills the process."""

# A forked child inherits the pipe, and its signals must not wake its parent's watchdog.
os.register_at_fork(after_in_child=partial(signal.set_wakeup_fd, -1))


@contextmanager
def endable(received: list[int], grace: float) -> Iterator[None]:
    """Within this context, SIGTERM interrupts as Ctrl-C does: `ray job stop` and a system shutdown send it.

    The signal's number is put in `received`, because Ray replaces an interrupt that reaches it by one of its own. After
    the first signal, further ones are ignored so that they cannot disturb the cleanup, and the watchdog keeps running
    until the process has ended.
    """

    def interrupt(number: int, _: object) -> None:
        if not received:
            received.append(number)
            _have_it_ended_after(grace)
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in ENDING if not _is_ignored(number)}
    forget = _watch_over(grace)
    try:
        yield
    finally:
        if not received:
            forget()
            for number, answer in before.items():
                signal.signal(number, answer)


def _is_ignored(number: signal.Signals) -> bool:
    """Whether this is SIGINT and is ignored: a shell has its background jobs ignore Ctrl-C, which must stay so."""
    return number == signal.SIGINT and signal.getsignal(number) is signal.SIG_IGN


def _watch_over(grace: float) -> Callable[[], None]:
    """Start the watchdog thread, and return a function that stops it.

    Python runs signal handlers only in the main thread and only between bytecodes, so never while that thread is stuck
    in a library. But the interpreter's C handler writes each signal's number to the wakeup file descriptor at once.
    Here that is a pipe, from which the thread reads.
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
    """The watchdog thread: wait for a signal's number, and return when the pipe is closed."""
    with open(read, "rb", buffering=0) as pipe:
        for [number] in iter(partial(pipe.read, 1), b""):
            if number in ENDING:
                _end_after(grace, signal.Signals(number))


def _end_after(grace: float, number: signal.Signals) -> None:
    _have_it_ended_after(grace)
    time.sleep(grace)
    words = f"{ENDING[number]}; what was under way did not end within {grace:g} s, and was cut off\n"
    with suppress(OSError):
        os.write(2, words.encode())
    # If the job started Ray itself, some of Ray's processes would otherwise live on for a minute.
    kill(descendants(os.getpid()))
    os._exit(128 + number)


def _have_it_ended_after(grace: float) -> None:
    """Start the timer whose SIGALRM, which nothing handles, makes the kernel kill the process.

    It covers a library that hangs while it holds Python's lock, so that not even the watchdog runs.
    """
    if not signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.setitimer(signal.ITIMER_REAL, grace + LAST_RESORT_S)


def leave(code: int, words: str) -> NoReturn:
    """End at once, after the cleanup.

    To shut the interpreter down takes PyTorch and Ray up to seconds, threads may hold it up, and the watchdog no longer
    runs then: the timer would end the process, with another exit code.
    """
    with suppress(OSError):
        sys.stdout.flush()
        print(words, file=sys.stderr, flush=True)
    os._exit(code)
