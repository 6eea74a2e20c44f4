"""The answers on a synthetic form: values that satisfy every rule of its template."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

import numpy as np

from pipelines.forms.synthesis.designs import LONG_DATE, SHORT_DATE
from pipelines.forms.template import Field, Template

TICKED, EMPTY = "1", "0"
DATES: Mapping[str | None, str] = {SHORT_DATE: "%d%m%y", LONG_DATE: "%d%m%Y"}
LEFT_BLANK = 0.08
"""The share of optional fields that are left blank."""
FIRST_DAY = datetime.date(2005, 1, 1)

Random = np.random.Generator


def make_answers(template: Template, random: Random) -> dict[str, str]:
    """Return the value of every field that is read, "" if it is blank, in the template's order."""
    day = FIRST_DAY + datetime.timedelta(days=int(random.integers(7300)))
    ruled = {name for rule in template.rules for name in re.findall(r"\w+", rule)}
    answers = {
        one.name: "" if _is_left_blank(one, one.name in ruled, random) else _value(one, day, random)
        for one in template.fields
        if one.kind != "text_image"
    }
    for rule in template.rules:
        _keep(rule, answers, day)
    return answers


def _is_left_blank(field: Field, ruled: bool, random: Random) -> bool:
    return field.kind != "mark" and field.blank and not ruled and random.random() < LEFT_BLANK


def _value(field: Field, day: datetime.date, random: Random) -> str:
    if field.kind == "mark":
        return TICKED if random.random() < 0.4 else EMPTY
    if field.pattern in DATES:
        return day.strftime(DATES[field.pattern])
    most = field.cells or (field.length or (1, 6))[1]
    if field.checksum:
        return _with_check_digits(field.checksum, _digits(most, random), random)
    if field.blank:
        # Numbers that need not fill their cells are written without leading zeros.
        return str(int(random.integers(10 ** int(random.integers(1, most + 1)))))
    return _digits(most, random)


def _digits(count: int, random: Random) -> str:
    return "".join(map(str, random.integers(0, 10, count)))


def _with_check_digits(checksum: str, value: str, random: Random) -> str:
    match checksum:
        case "luhn":
            body = value[:-1]
            doubled = [int(digit) * (1 + (at + 1) % 2) for at, digit in enumerate(reversed(body))]
            return body + str(-sum(part // 10 + part % 10 for part in doubled) % 10)
        case "mod97":
            body = value[:-2]
            return f"{body}{98 - int(body) * 100 % 97:02d}"
    raise ValueError(f"no design has the checksum {checksum!r}")


def _keep(rule: str, answers: dict[str, str], day: datetime.date) -> None:
    total, equals, terms = rule.partition(" == ")
    if equals:
        answers[total] = str(sum(int(answers[term]) for term in terms.split(" + ")))
    else:
        answers.update(day=f"{day:%d}", month=f"{day:%m}", year=f"{day:%Y}")
