"""Every error a user can meet, drawn once.

InkrayError                 exit 1: the work failed
├── UsageError              exit 2: what was asked for makes no sense; nothing was done
│   └── UnknownName         a name that is not among the known ones
├── DataError               a file or folder is not what it claims to be
├── StoreError              the model store cannot give or take a version
├── EngineError             an engine cannot be opened, or not be used any more
│   └── GpuError            a GPU failed or is full; often only a new process can use it again
├── ConversionError         a graph or plan was made that may not be published
├── ClusterError            Ray lacks the resources, or cannot be reached
└── TrainingError           a run cannot go on

A message says what is wrong, with the offending value, where, and how to mend it.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint to follow a sentence, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def first_line(error: BaseException) -> str:
    """The first line of a library's message, without the advice that follows, to be quoted in a sentence of ours."""
    text = (isinstance(error, OSError) and error.strerror) or str(error).strip()
    return (text.splitlines() or [type(error).__name__])[0].rstrip(".")


class InkrayError(Exception):
    exit_code = 1

    def __init__(self, message: str, option: str | None = None) -> None:
        """`option` is the argument to change, as named in code; whoever offers options shows how they are spelt."""
        super().__init__(message)
        self.option = option


class UsageError(InkrayError):
    exit_code = 2


class UnknownName(UsageError):
    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        listed = ", ".join(known) or "none"
        super().__init__(f"There is no {kind} {name!r}; known: {listed}.{did_you_mean(name, known)}")


def check_range(
    name: str,
    value: float | None,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    at_most: float = math.inf,
    below: float = math.inf,
) -> None:
    """Refuse an option's value that is out of its bounds, infinite or no number; None is an option not given."""
    if value is None or (at_least <= value <= at_most and above < value < below):
        return
    bounds = (("at least", at_least), ("above", above), ("at most", at_most), ("below", below))
    expected = " and ".join(f"{word} {bound:.12g}" for word, bound in bounds if math.isfinite(bound))
    raise UsageError(f"{name} is {value:.12g}; it must be {expected}.", option=name)


class DataError(InkrayError):
    pass


class StoreError(InkrayError):
    pass


class EngineError(InkrayError):
    pass


class GpuError(EngineError):
    pass


class ConversionError(InkrayError):
    pass


class ClusterError(InkrayError):
    pass


class TrainingError(InkrayError):
    pass
