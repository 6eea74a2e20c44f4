"""Work done ahead: in order, at once as far as it may be, and no more held than allowed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pipelines.files.ahead import ahead


class Busy:
    """Counts how many calls are under way or wait to be taken."""

    def __init__(self, together: int = 1) -> None:
        self.held = self.most = 0
        self._meeting = threading.Barrier(together)
        self._lock = threading.Lock()

    def do(self, weight: int) -> int:
        with self._lock:
            self.held += weight
            self.most = max(self.most, self.held)
        self._meeting.wait(20)
        return weight

    def taken(self, weight: int) -> None:
        with self._lock:
            self.held -= weight


def test_results_come_in_order_and_as_many_are_done_at_once_as_there_are_threads() -> None:
    busy = Busy(together=4)
    assert list(ahead(busy.do, [1, 2, 3, 4, 5, 6, 7, 8], threads=4)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_no_more_is_held_than_may_be_but_a_single_heavy_one_is_done() -> None:
    busy = Busy()
    for weight in ahead(busy.do, [3, 3, 3, 50, 3, 3, 3, 3], threads=8, weigh=lambda weight: weight, most=10):
        busy.taken(weight)
    assert busy.most == 50
    for weight in ahead(busy.do, [3] * 50, threads=8, weigh=lambda weight: weight, most=10):
        busy.taken(weight)
    assert busy.held == 0


def test_items_are_asked_for_no_sooner_than_they_are_needed() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            asked.append(item)
            yield item

    results = ahead(str, items(), threads=5)
    assert next(results) == "0"
    assert len(asked) <= 6
    results.close()  # type: ignore[attr-defined]


def test_a_failure_comes_where_its_result_would() -> None:
    results = ahead(lambda item: 1 // item, [1, 1, 0, 1], threads=2)
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
