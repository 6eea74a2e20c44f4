"""How every job starts and ends: options from a dataclass, errors as one sentence, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import tyro

from pipelines.errors import InkrayError

Options = TypeVar("Options")


def run(options: type[Options], main: Callable[[Options], None]) -> None:
    """Parse the command line into `options` (a dataclass, or a union of them) and run `main`."""
    parsed = tyro.cli(options)
    try:
        main(parsed)
    except InkrayError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
