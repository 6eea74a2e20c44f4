"""How accurately forms were read, where the true answers are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.forms.template import Template
from pipelines.inference.outcome import Status


@dataclass(frozen=True)
class Score:
    fields: int
    """How many fields have a known answer, whether read or not."""
    right: int
    ok: int
    """How many have the status ok."""
    ok_right: int


def score(rows: Iterable[Mapping[str, Any]], answers: Mapping[str, Mapping[str, str]]) -> Score:
    """Compare the rows of a result with the true answers, by source and field."""
    known = [(row, answers[row["source"]][row["field"]]) for row in rows if _is_known(row, answers)]
    right = [row["value"] == written for row, written in known]
    ok = [is_right for (row, _), is_right in zip(known, right, strict=True) if row["status"] == Status.OK]
    return Score(sum(map(len, answers.values())), sum(right), len(ok), sum(ok))


def _is_known(row: Mapping[str, Any], answers: Mapping[str, Mapping[str, str]]) -> bool:
    return row["field"] in answers.get(row["source"], {})


def checked_fields(template: Template) -> frozenset[str]:
    """Return the names of the fields covered by a checksum or by arithmetic."""
    sums = [rule for rule in template.rules if "==" in rule]
    summed = {name for rule in sums for name in re.findall(r"\w+", rule)}
    return frozenset(one.name for one in template.fields if one.checksum or one.name in summed)
