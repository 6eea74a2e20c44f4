"""From a line's frames to values: each frame says which digit begins or goes on there, or that none does."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]
"""[T, 11]: the probabilities of the ten digits and of nothing new, from left to right."""

DIGITS = "0123456789"
NOTHING_NEW = len(DIGITS)
KEPT, KEPT_OF_LENGTH = 16, 3
"""How many beginnings are followed, and of each length beside them, so that a wanted one is among them."""
MOST = 40
"""Beginnings, whatever their lengths: frames that say nothing clearly would have thousands."""
FOLLOWED, LEAST = 4, 1e-4
"""How many digits of a frame are followed; what is less likely than this is not."""


@dataclass(frozen=True)
class Value:
    digits: str
    probability: float


Beginnings = dict[str, tuple[float, float]]
"""How likely each value is so far, by whether the frame before said nothing new or its last digit."""


def likeliest(frames: Frames) -> list[Value]:
    """The likeliest values, best first, each with the probability of all the ways in which the frames can mean it."""
    beginnings: Beginnings = {"": (1.0, 0.0)}
    for row in frames.tolist():
        beginnings = _kept(_extended(beginnings, row))
    values = [Value(digits, rested + said) for digits, (rested, said) in beginnings.items() if rested + said]
    return sorted(values, key=lambda value: -value.probability)


def _extended(beginnings: Beginnings, row: list[float]) -> Beginnings:
    digits = sorted((digit for digit in range(NOTHING_NEW) if row[digit] > LEAST), key=lambda digit: -row[digit])
    rested: dict[str, float] = defaultdict(float)
    said: dict[str, float] = defaultdict(float)
    for value, (before, going) in beginnings.items():
        rested[value] += (before + going) * row[NOTHING_NEW]
        if value:
            said[value] += going * row[int(value[-1])]
        for digit in digits[:FOLLOWED]:
            # The same digit again is a new one only after a frame that said nothing new.
            again = value.endswith(DIGITS[digit])
            said[value + DIGITS[digit]] += (before if again else before + going) * row[digit]
    return {value: (rested.get(value, 0.0), said.get(value, 0.0)) for value in rested.keys() | said.keys()}


def _kept(beginnings: Beginnings) -> Beginnings:
    if len(beginnings) <= KEPT:
        return beginnings
    taken: dict[int, int] = defaultdict(int)
    kept: Beginnings = {}
    # By their digits where they are equally likely, so that the same frames give the same answer.
    for value, ways in sorted(beginnings.items(), key=lambda item: (-sum(item[1]), item[0])):
        if len(kept) == MOST:
            break
        if len(kept) < KEPT or taken[len(value)] < KEPT_OF_LENGTH:
            taken[len(value)] += 1
            kept[value] = ways
    return kept


def places(frames: Frames, digits: str) -> list[tuple[int, int]]:
    """For each digit the frames, first and one past the last, that say it on the likeliest way to the value."""
    states = [NOTHING_NEW]
    for digit in digits:
        states += [int(digit), NOTHING_NEW]
    # One frame after another, each state is reached from itself, from the one before, or past a rest between two
    # digits that differ.
    logs = np.log(np.maximum(frames[:, states], 1e-30))
    best, came = logs[0].copy(), np.zeros((len(frames), len(states)), np.int64)
    best[2:] = -math.inf
    skips = np.array(
        [at >= 2 and states[at] != NOTHING_NEW and states[at] != states[at - 2] for at in range(len(states))]
    )
    for frame in range(1, len(frames)):
        one, two = np.roll(best, 1), np.roll(best, 2)
        one[:1], two[:2] = -math.inf, -math.inf
        ways = np.stack([best, one, np.where(skips, two, -math.inf)])
        came[frame] = ways.argmax(0)
        best = ways.max(0) + logs[frame]
    state = len(states) - 1
    if len(states) > 1 and best[state - 1] > best[state]:
        state -= 1
    path = []
    for frame in range(len(frames) - 1, -1, -1):
        path.append(state)
        state -= int(came[frame, state])
    path.reverse()
    at = np.array(path)
    spans = [np.flatnonzero(at == 2 * index + 1) for index in range(len(digits))]
    return [(int(span[0]), int(span[-1]) + 1) for span in spans]
