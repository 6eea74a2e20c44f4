"""How every job starts and ends: options are parsed into a dataclass, errors become one sentence and an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import TypeVar

import tyro

from jobs._signals import ENDING, GRACE_S, endable, leave
from pipelines.errors import InkrayError

Options = TypeVar("Options")


def run(
    options: type[Options],
    main: Callable[[Options], None],
    defaults: Callable[[Options], Options | None] | None = None,
    grace: float = GRACE_S,
) -> None:
    """Parse the command line into `options` (a dataclass, or a union of them) and run `main`.

    If an option sets others, `defaults` returns, from the parsed options, the defaults to parse the command line with
    again. After SIGTERM or Ctrl-C, the job has `grace` seconds to clean up.
    """
    parsed = tyro.cli(options)
    received: list[int] = []
    try:
        if defaults and (other := defaults(parsed)) is not None:
            parsed = tyro.cli(options, default=other)
        with endable(received, grace):
            main(parsed)
    except InkrayError as error:
        print(f"error: {in_options_words(error)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        number = signal.Signals(received[0]) if received else signal.SIGINT
        leave(128 + number, ENDING[number])


def in_options_words(error: InkrayError) -> str:
    """The error's message, with the option that would fix it."""
    if error.option is None:
        return str(error)
    return f"{str(error).removesuffix('.')} (--{error.option.replace('_', '-')})."
