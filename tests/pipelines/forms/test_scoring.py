"""Results against known answers."""

from __future__ import annotations

from typing import Any

from pipelines.forms.scoring import Score, checked_fields, score
from pipelines.forms.synthesis.designs import invoice, survey


def row(source: str, field: str | None, value: str | None, status: str) -> dict[str, Any]:
    return {"source": source, "field": field, "value": value, "status": status}


def test_fields_count_whether_they_were_read_or_not() -> None:
    answers = {"a.png": {"x": "1", "y": ""}, "b.png": {"x": "2", "y": "3"}}
    rows = [
        row("a.png", "x", "1", "ok"),
        row("a.png", "y", "7", "ok"),
        row("a.png", "remark", None, "ok"),
        row("b.png", None, None, "error"),
        row("c.png", "x", "5", "ok"),
    ]
    assert score(rows, answers) == Score(fields=4, right=1, ok=2, ok_right=1)


def test_what_is_for_review_is_right_but_not_ok() -> None:
    assert score([row("a", "x", "1", "review")], {"a": {"x": "1"}}) == Score(1, 1, 0, 0)


def test_a_checksum_and_a_sum_speak_for_fields_and_a_date_does_not() -> None:
    assert checked_fields(invoice().template) == {"account", "goods", "freight", "insurance", "total"}
    assert checked_fields(survey().template) == {"household"}
