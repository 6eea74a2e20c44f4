"""Printed lines are found where nobody expected them, and strokes of a pen are not taken for them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.images.rules.bare import without_rules
from pipelines.images.rules.seeking import FoundRule, find_rules
from tests.pipelines.strings.written import row

Ink = NDArray[np.uint8]


def ink_of(number: str, margin: int = 12) -> Ink:
    return np.pad((row(number) > 80).astype(np.uint8), margin)


def ruled(ink: Ink, *lines: tuple[tuple[int, int], tuple[int, int]], thick: int = 3) -> Ink:
    for start, stop in lines:
        cv2.line(ink, start, stop, 1, thick)
    return ink


def ends(rules: list[FoundRule]) -> list[tuple[bool, list[int]]]:
    return [(rule.flat, [round(side) for side in (*rule.start, *rule.stop)]) for rule in rules]


def near(one: list[int], other: list[int]) -> bool:
    return all(abs(mine - its) <= 2 for mine, its in zip(one, other, strict=True))


@pytest.mark.parametrize("lean", [0, 2, -2])
def test_lines_from_rim_to_rim_are_rules(lean: int) -> None:
    ink = ink_of("2365")
    high, wide = ink.shape
    found = ends(find_rules(ruled(ink, ((0, 6), (wide, 6 + lean)), ((wide - 6, 0), (wide - 6 + lean, high)))))
    assert [flat for flat, _ in found] == [True, False]
    assert near(found[0][1], [0, 6, wide - 1, 6 + lean])
    assert near(found[1][1], [wide - 6, 0, wide - 6 + lean, high - 1])


def test_a_box_within_the_picture_is_four_rules() -> None:
    ink = np.pad(ink_of("2365"), 30)
    low, far = ink.shape[0] - 35, ink.shape[1] - 35
    cv2.rectangle(ink, (35, 35), (far, low), 1, 2)
    assert sorted(flat for flat, _ in ends(find_rules(ink))) == [False, False, True, True]


@pytest.mark.parametrize("number", ["1", "11", "717", "2475", "1447"])
@pytest.mark.parametrize("margin", [0, 12])
def test_strokes_are_no_rules(number: str, margin: int) -> None:
    assert find_rules(ink_of(number, margin)) == []


def test_a_1_that_is_taller_than_its_zeros_is_no_rule() -> None:
    one, zero = row("1", height=60), row("0", height=34)
    ink = np.zeros((60, one.shape[1] + 8 + zero.shape[1]), np.uint8)
    ink[:, : one.shape[1]] = one
    ink[26:, -zero.shape[1] :] = zero
    assert find_rules((ink > 80).astype(np.uint8)) == []


@pytest.mark.parametrize("at", ["below", "through", "rim"])
def test_a_rule_becomes_paper_and_the_strokes_across_it_stay(at: str) -> None:
    number = np.pad(row("2365"), 12).astype(np.float32)
    plain = (225 - 150 * number / 255).astype(np.uint8)
    high, wide = plain.shape
    rule = {
        "below": FoundRule(True, (0, 54), (wide - 1, 54), 3),
        "through": FoundRule(True, (0, 40), (wide - 1, 40), 3),
        "rim": FoundRule(False, (1, 0), (1, high - 1), 3),
    }[at]
    printed = plain.copy()
    line = printed if rule.flat else printed.T
    place = round(rule.start[1] if rule.flat else rule.start[0])
    line[place - 1 : place + 2] = np.minimum(line[place - 1 : place + 2], 90)
    off = np.abs(without_rules(printed, [rule]).astype(int) - plain)
    assert (off < 30)[(printed < plain) & (number == 0)].mean() > 0.7
    assert (off < 30)[number > 200].mean() > 0.95
