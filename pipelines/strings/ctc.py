"""CTC decoding: from a line's frames to values, by prefix beam search, and from a value to the frames of its digits.

By hand, since the decoders of libraries keep the likeliest prefixes alone; here some of every length must remain, for a
field that admits only that length.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]
"""[T, 11]: the probabilities of the ten digits and of the blank, from left to right."""

DIGITS = "0123456789"
BLANK = len(DIGITS)
BEAM_WIDTH, BEAM_WIDTH_PER_LENGTH = 16, 3
"""How many prefixes are kept, and how many of each length besides, so that every expected length is among them."""
MAX_PREFIXES = 40
"""The most prefixes of all lengths together: unclear frames would have thousands."""
TOP_DIGITS, MIN_PROBABILITY = 4, 1e-4
"""How many digits of a frame extend a prefix, and how likely each must be."""


@dataclass(frozen=True)
class Value:
    digits: str
    probability: float


Prefixes = dict[str, tuple[float, float]]
"""For each prefix its probability as (p_blank, p_nonblank): ending in a blank, or in its last digit."""


def beam_search(frames: Frames) -> list[Value]:
    """The likeliest values, best first, each with the total probability of all its paths through the frames."""
    prefixes: Prefixes = {"": (1.0, 0.0)}
    for row in frames.tolist():
        prefixes = _prune(_extend(prefixes, row))
    values = [
        Value(digits, p_blank + p_nonblank)
        for digits, (p_blank, p_nonblank) in prefixes.items()
        if p_blank + p_nonblank
    ]
    return sorted(values, key=lambda value: -value.probability)


def _extend(prefixes: Prefixes, row: list[float]) -> Prefixes:
    digits = sorted((digit for digit in range(BLANK) if row[digit] > MIN_PROBABILITY), key=lambda digit: -row[digit])
    p_blank: dict[str, float] = defaultdict(float)
    p_nonblank: dict[str, float] = defaultdict(float)
    for value, (blank, nonblank) in prefixes.items():
        p_blank[value] += (blank + nonblank) * row[BLANK]
        if value:
            p_nonblank[value] += nonblank * row[int(value[-1])]
        for digit in digits[:TOP_DIGITS]:
            # The same digit again is a new one only after a blank.
            again = value.endswith(DIGITS[digit])
            p_nonblank[value + DIGITS[digit]] += (blank if again else blank + nonblank) * row[digit]
    return {
        value: (p_blank.get(value, 0.0), p_nonblank.get(value, 0.0)) for value in p_blank.keys() | p_nonblank.keys()
    }


def _prune(prefixes: Prefixes) -> Prefixes:
    if len(prefixes) <= BEAM_WIDTH:
        return prefixes
    taken: dict[int, int] = defaultdict(int)
    kept: Prefixes = {}
    # By their digits where they are equally likely, so that the same frames give the same answer.
    for value, ways in sorted(prefixes.items(), key=lambda item: (-sum(item[1]), item[0])):
        if len(kept) == MAX_PREFIXES:
            break
        if len(kept) < BEAM_WIDTH or taken[len(value)] < BEAM_WIDTH_PER_LENGTH:
            taken[len(value)] += 1
            kept[value] = ways
    return kept


def align(frames: Frames, digits: str) -> list[tuple[int, int]]:
    """Viterbi alignment: for each digit its first frame and one past its last on the likeliest path to the value."""
    states = [BLANK]
    for digit in digits:
        states += [int(digit), BLANK]
    # From one frame to the next, a state is reached from itself, from the state before, or by skipping the blank
    # between two digits that differ.
    logs = np.log(np.maximum(frames[:, states], 1e-30))
    best, came = logs[0].copy(), np.zeros((len(frames), len(states)), np.int64)
    best[2:] = -math.inf
    skips = np.array([at >= 2 and states[at] != BLANK and states[at] != states[at - 2] for at in range(len(states))])
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
