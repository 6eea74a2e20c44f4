"""Checks of the options that say how often and how long a bench measures."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.errors import UsageError


def check_turns(batches: Sequence[int], rounds: int, seconds: float) -> None:
    check_counts("batches", batches)
    check_counts("rounds", [rounds])
    if not seconds > 0:
        raise UsageError(f"--seconds {seconds:g} is no time to measure in; give more than 0.")


def check_counts(option: str, counts: Sequence[int]) -> None:
    if not counts:
        raise UsageError(f"Give at least one number after --{option}.")
    if min(counts) < 1:
        raise UsageError(f"--{option} {min(counts)} leaves nothing to measure; give 1 or more.")
