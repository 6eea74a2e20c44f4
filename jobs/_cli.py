"""How every job starts and ends: options from a dataclass, errors as one sentence, the exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import tyro

from pipelines.errors import InkrayError

Options = TypeVar("Options")


def run(
    options: type[Options], main: Callable[[Options], None], defaults: Callable[[Options], Options | None] | None = None
) -> None:
    """Parse the command line into `options` (a dataclass, or a union of them) and run `main`.

    An option may stand for others: `defaults` tells from what was parsed with which defaults to parse it again.
    """
    parsed = tyro.cli(options)
    heard: list[int] = []
    try:
        if defaults and (other := defaults(parsed)) is not None:
            parsed = tyro.cli(options, default=other)
        with _interrupted_by_sigterm(heard):
            main(parsed)
    except InkrayError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("ended by SIGTERM" if heard else "interrupted", file=sys.stderr)
        sys.exit(128 + (heard or [signal.SIGINT])[0])


@contextmanager
def _interrupted_by_sigterm(heard: list[int]) -> Iterator[None]:
    """`ray job stop` sends it, and an operating system that shuts down: what is under way is cleared up as at Ctrl-C.

    What was heard is noted beside, since Ray raises an interrupt of its own in place of one that reached it inside.
    """

    def interrupt(number: int, _: object) -> NoReturn:
        heard.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
