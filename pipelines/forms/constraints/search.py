"""The likeliest values among those that the constraints of a field admit, and the total weight of all of them.

The digits of different cells are independent, so the weight of a value is the product of its digits' probabilities.
A solver of constraints would give the likeliest value, but not the total weight, without which there is no confidence.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import UsageError
from pipelines.forms.results import Candidate

MOST_STATES = 50_000
"""The maximum number of states per position; mod97, a range and a long pattern together stay far below it."""
NEGLIGIBLE = 1e-6
"""Values with less than this share of the best value's weight are dropped from the likeliest."""


@dataclass(frozen=True)
class SearchResult:
    total: float
    """The total weight of all admitted values."""
    best: list[Candidate]


class Language(Protocol):
    """The values of one length that a field admits."""

    def search(self, digits: NDArray[np.float64], most: int) -> SearchResult:
        """Return the `most` likeliest values, best first; `digits` is [length, 10]."""

    def accepts(self, value: str) -> bool: ...

    @property
    def empty(self) -> bool: ...


class Machine(Protocol):
    """Reads a value digit by digit."""

    @property
    def start(self) -> Hashable: ...

    def step(self, state: Any, place: int, digit: int) -> Hashable | None:
        """Return the next state, or None if no value with this beginning is admitted; positions count from the left."""

    def accepts(self, state: Any) -> bool: ...


class Automaton:
    """The values that several machines all admit, as one table per position from state and digit to the next state.

    The last row of each table is the dead state. With the tables, two passes from the right give the weight of all
    admitted values and the exact best continuation from every state, so the search for the likeliest never backtracks.
    """

    def __init__(self, machines: Sequence[Machine], length: int) -> None:
        states: dict[Any, int] = {tuple(machine.start for machine in machines): 0}
        self._tables = []
        for place in range(length):
            table, states = _step_all(machines, states, place)
            self._tables.append(table)
        accepted = [all(m.accepts(s) for m, s in zip(machines, state, strict=True)) for state in states]
        self._accepted = np.array([*accepted, False], np.float64)

    def accepts(self, value: str) -> bool:
        state = 0
        for table, digit in zip(self._tables, value, strict=True):
            state = table[state, int(digit)]
        return bool(self._accepted[state])

    @property
    def empty(self) -> bool:
        return not self._weights(np.ones((len(self._tables), 10)))

    def _weights(self, digits: NDArray[np.float64]) -> float:
        ahead = self._accepted
        for table, row in zip(reversed(self._tables), digits[::-1], strict=True):
            ahead = ahead[table] @ row
        return float(ahead[0])

    def search(self, digits: NDArray[np.float64], most: int) -> SearchResult:
        total = self._weights(digits)
        return SearchResult(total, self._best(digits, most) if total else [])

    def _best(self, digits: NDArray[np.float64], most: int) -> list[Candidate]:
        """Run A* with the exact heuristic, which expands at most `most` times the length states."""
        peaks = self._peaks(digits)
        # Relative to the best value, not the total: where nothing looks like a digit, even the best is a tiny share.
        least = float(peaks[0][0]) * NEGLIGIBLE
        waiting = [(-float(peaks[0][0]), "", 1.0, 0)]
        found: list[Candidate] = []
        while waiting and len(found) < most:
            bound, value, weight, state = heapq.heappop(waiting)
            place = len(value)
            if place == len(digits):
                found.append(Candidate(value, -bound))
                continue
            following = self._tables[place][state]
            weights = digits[place] * weight
            bounds = weights * peaks[place + 1][following]
            for digit in np.flatnonzero(bounds > least).tolist():
                entry = (-float(bounds[digit]), f"{value}{digit}", float(weights[digit]), int(following[digit]))
                heapq.heappush(waiting, entry)
        return found

    def _peaks(self, digits: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the weight of the best path to the end for every position and state."""
        peaks = [self._accepted]
        for table, row in zip(reversed(self._tables), digits[::-1], strict=True):
            peaks.append((peaks[-1][table] * row).max(1))
        return peaks[::-1]


def _step_all(
    machines: Sequence[Machine], states: dict[Any, int], place: int
) -> tuple[NDArray[np.intp], dict[Any, int]]:
    following: dict[Any, int] = {}
    rows = [[_number(following, _step(machines, state, place, digit)) for digit in range(10)] for state in states]
    if len(following) > MOST_STATES:
        raise UsageError("Pattern, range and checksum together are too intricate to search; make the pattern simpler.")
    table = np.array([*rows, [-1] * 10], np.intp)
    table[table < 0] = len(following)
    return table, following


def _step(machines: Sequence[Machine], state: Any, place: int, digit: int) -> tuple[Hashable, ...] | None:
    following = []
    for machine, one in zip(machines, state, strict=True):
        following.append(machine.step(one, place, digit))
        if following[-1] is None:
            return None
    return tuple(following)


def _number(states: dict[Any, int], state: tuple[Hashable, ...] | None) -> int:
    return -1 if state is None else states.setdefault(state, len(states))


class ValueList:
    """Values that are listed explicitly; each of them is weighed."""

    def __init__(self, values: Sequence[str], length: int) -> None:
        self._values = list(values)
        letters = np.frombuffer("".join(values).encode(), np.uint8).reshape(-1, length)
        self._columns = np.ascontiguousarray(letters.T) - ord("0")

    def accepts(self, value: str) -> bool:
        return value in self._values

    @property
    def empty(self) -> bool:
        return not self._values

    def search(self, digits: NDArray[np.float64], most: int) -> SearchResult:
        weights = np.ones(len(self._values))
        for column, row in zip(self._columns, digits, strict=True):
            weights *= row[column]
        total = float(weights.sum())
        top = np.argpartition(-weights, most - 1)[:most] if len(weights) > most else np.arange(len(weights))
        best = sorted((Candidate(self._values[at], float(weights[at])) for at in top), key=lambda one: -one.probability)
        return SearchResult(total, [one for one in best if one.probability > best[0].probability * NEGLIGIBLE])


class Nothing:
    """No value of this length is admitted."""

    empty = True

    def accepts(self, _: str) -> bool:
        return False

    def search(self, _: NDArray[np.float64], __: int) -> SearchResult:
        return SearchResult(0.0, [])
