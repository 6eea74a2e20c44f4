"""The counts of a run, from its rows alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.labeling.digits.summary import DigitTally
from pipelines.labeling.rows import SCHEMA
from pipelines.labeling.summary import BINS, tally

CODES = {"unsure": "low_confidence", "cut": "unreadable_file", "no digit": "not_a_digit"}


def row(source: str, value: str | None, confidence: float | None, status: str, reason: str | None) -> dict[str, Any]:
    told = {"source": source, "value": value, "confidence": confidence, "status": status}
    why = {"reason_code": CODES[reason] if reason else None, "reason": reason}
    return dict.fromkeys(SCHEMA.names) | told | why | {"item": 0, "engine": "onnxruntime fp32", "model": "small:1"}


PARTS = [
    [row("a", "3", 0.99, "ok", None), row("b", "3", 0.42, "review", "unsure"), row("c", None, None, "error", "cut")],
    [row("d", "7", 1.0, "ok", None), row("e", None, 0.03, "review", "no digit")],
    [row("f", None, None, "error", "cut"), row("g", "7", 0.42, "review", "unsure")],
]


def tables() -> list[pa.Table]:
    return [pa.Table.from_pylist(shard, SCHEMA) for shard in PARTS]


def test_the_counts_are_those_of_the_rows_and_add_up() -> None:
    found = tally(tables(), DigitTally())
    told = found.as_dict()
    assert told["items"] == sum(told["status"].values()) == 7
    assert told["status"] == {"error": 2, "ok": 2, "review": 3}
    assert told["labels"] == {"3": 2, "7": 2}
    assert told["reasons"] == {"unreadable_file": 2, "low_confidence": 2, "not_a_digit": 1}
    assert told["engines"] == ["onnxruntime fp32"]
    assert found.errors == 2


def test_every_confidence_is_in_one_bin() -> None:
    counts = tally(tables(), DigitTally()).as_dict()["confidence"]["counts"]
    assert (len(counts), sum(counts)) == (BINS, 5)
    assert (counts[0], counts[8], counts[-1]) == (1, 2, 2)


def test_a_confidence_above_1_by_a_hair_is_counted_too() -> None:
    above = float(np.nextafter(np.float32(1), np.float32(2)))
    counts = tally([pa.Table.from_pylist([row("a", "3", above, "ok", None)], SCHEMA)], DigitTally()).as_dict()[
        "confidence"
    ]["counts"]
    assert (counts[-1], sum(counts)) == (1, 1)


def test_every_reason_has_the_first_that_has_it_as_its_example() -> None:
    assert tally(tables(), DigitTally()).examples == {
        "low_confidence": ("unsure", "b"),
        "unreadable_file": ("cut", "c"),
        "not_a_digit": ("no digit", "e"),
    }


def test_the_order_of_the_parts_changes_no_count() -> None:
    assert tally(reversed(tables()), DigitTally()).as_dict() == tally(tables(), DigitTally()).as_dict()


def test_no_parts_are_no_items() -> None:
    assert tally([], DigitTally()).as_dict()["items"] == 0
    assert tally([], DigitTally()).errors == 0
