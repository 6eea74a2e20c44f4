"""The judge of streams sees every way in which a sink may differ from what was delivered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.streaming.judge import Delivered, Landed, Verdict, judge

DELIVERED = [Delivered(f"{n % 4}.png", f"digest {n}", str(n), "ok") for n in range(8)]
"""Four keys of two versions each."""
ROWS = [Landed(*one) for one in DELIVERED]


def test_what_lacks_nothing_is_clean() -> None:
    assert judge(DELIVERED, ROWS).clean


def test_keys_may_land_in_any_order() -> None:
    assert judge(DELIVERED, sorted(ROWS)).clean


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda rows: rows[1:], Verdict(lost=1)),
        (lambda rows: [], Verdict(lost=8)),
        (lambda rows: [*rows, rows[0], rows[0]], Verdict(doubled=2)),
        (lambda rows: [rows[4], *rows[1:4], rows[0], *rows[5:]], Verdict(reordered=1)),
        (lambda rows: [rows[0]._replace(value="7"), *rows[1:]], Verdict(wrong=1)),
        (lambda rows: [rows[0]._replace(status="error"), *rows[1:]], Verdict(wrong=1)),
        (lambda rows: [rows[0]._replace(item=None), *rows[1:]], Verdict(lost=1, foreign=1)),
        (lambda rows: [rows[0]._replace(key="1.png"), *rows[1:]], Verdict(lost=1, foreign=1)),
        (lambda rows: [*rows, Landed("9.png", "another", "1", "ok")], Verdict(foreign=1)),
        # Two rows that have each other's answer.
        (lambda rows: [rows[0]._replace(value="1"), rows[1]._replace(value="0"), *rows[2:]], Verdict(wrong=2)),
    ],
)
def test_what_was_changed_by_hand_is_seen(change: Callable[[list[Landed]], list[Landed]], verdict: Verdict) -> None:
    assert judge(DELIVERED, change(ROWS)) == verdict


def test_versions_that_nobody_could_tell_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        judge([DELIVERED[0], DELIVERED[0]], [])
