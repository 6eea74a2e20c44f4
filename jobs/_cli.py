"""How every job starts and ends: options from a dataclass, errors as one sentence, the exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import TypeVar

import tyro

from jobs._ending import ENDING, GRACE_S, endable
from pipelines.errors import InkrayError

Options = TypeVar("Options")


def run(
    options: type[Options],
    main: Callable[[Options], None],
    defaults: Callable[[Options], Options | None] | None = None,
    grace: float = GRACE_S,
) -> None:
    """Parse the command line into `options` (a dataclass, or a union of them) and run `main`.

    An option may stand for others: `defaults` tells from what was parsed with which defaults to parse it again. Told to
    end, the job has the seconds of `grace` to clear up.
    """
    parsed = tyro.cli(options)
    heard: list[int] = []
    try:
        if defaults and (other := defaults(parsed)) is not None:
            parsed = tyro.cli(options, default=other)
        with endable(heard, grace):
            main(parsed)
    except InkrayError as error:
        print(f"error: {in_options_words(error)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        number = signal.Signals(heard[0]) if heard else signal.SIGINT
        print(ENDING[number], file=sys.stderr)
        sys.exit(128 + number)


def in_options_words(error: InkrayError) -> str:
    """The sentence of an error, and the option to mend it by."""
    if error.option is None:
        return str(error)
    return f"{str(error).removesuffix('.')} (--{error.option.replace('_', '-')})."
