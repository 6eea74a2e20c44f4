"""A form's arithmetic over what was read in its fields."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.evaluation.confidence_threshold import ACCEPT_NOTHING
from pipelines.forms.constraints.rules import parse_rule
from pipelines.forms.decoding.evidence import WRONGLY_FILLED
from pipelines.forms.decoding.form_rules import apply_rules
from pipelines.forms.results import EVERYTHING, Acceptance, Candidate, FieldReading, judge
from pipelines.forms.template import Register, Template
from tests.readings import ACCEPT, cells, comb, read, why

SURE = Acceptance(ACCEPT)


def template(*rules: str) -> Template:
    return Template("form", 210, 297, Register("none"), (), rules)


def readings(
    sure: float = 0.98, doubts: Mapping[str, Mapping[str, float]] | None = None, **texts: str
) -> dict[str, FieldReading]:
    """`doubts` is about the last digit of a field."""
    read_in = {}
    for name, text in texts.items():
        doubt = {len(text) - 1: doubts[name]} if doubts and name in doubts else {}
        read_in[name] = read(comb(name), cells(text, sure, doubt))
    return read_in


def test_arithmetic_that_holds_makes_its_fields_surer() -> None:
    before = readings(total="42", a="12", b="30")
    after = apply_rules(template("total == a + b"), before, SURE)
    assert [after[name].value for name in before] == ["42", "12", "30"]
    assert all(after[name].confidence > before[name].confidence for name in before)
    assert all(reading.status == "ok" and reading.reason is None for reading in after.values())


def test_a_doubtful_digit_is_mended_by_the_arithmetic() -> None:
    before = readings(0.9995, total="43", a="12", b="30", doubts={"total": {"3": 0.6, "2": 0.39}})
    after = apply_rules(template("total == a + b"), before, SURE)
    assert (after["total"].value, after["total"].status) == ("42", "ok")
    assert why(after["total"]) == "read 43, with which 'total == a + b' does not hold; 42 is the likeliest that holds"
    assert after["a"].reason is None and after["a"].status == "ok"


def test_a_doubt_is_resolved_by_the_arithmetic() -> None:
    before = readings(total="42", a="12", b="30", doubts={"total": {"2": 0.7, "7": 0.29}})
    assert before["total"].status == "review"
    assert apply_rules(template("total == a + b"), before, SURE)["total"].status == "ok"


def test_sums_that_are_wrong_for_sure_go_to_a_person_with_the_rule() -> None:
    after = apply_rules(template("total == a + b"), readings(0.9999, total="43", a="12", b="30"), EVERYTHING)
    for reading in after.values():
        assert reading.status == "review"
        assert why(reading) == "'total == a + b' does not hold with total 43, a 12, b 30"
        assert reading.reason is not None and reading.reason.code == "rule_violated"
    assert after["total"].value == "43"


def test_a_number_without_cells_is_as_sure_as_its_own_model_says() -> None:
    before = readings(0.95, total="42", a="12", b="30")
    before["a"] = replace(before["a"], field=replace(before["a"].field, kind="number"))
    for accept, unsure in ((Acceptance(0.0, ACCEPT_NOTHING), {"a"}), (Acceptance(ACCEPT_NOTHING, 0.0), {"total", "b"})):
        after = apply_rules(template("total == a + b"), before, accept)
        assert {name for name, reading in after.items() if reading.status == "review"} == unsure


@pytest.mark.parametrize("accept_above", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("likely", [0.91, 0.99])
def test_no_threshold_lets_a_sure_field_be_overruled(likely: float, accept_above: float) -> None:
    doubts = {"total": {"3": likely, "2": (1 - likely) * 0.99}}
    before = readings(0.9999, total="43", a="12", b="30", doubts=doubts)
    assert apply_rules(template("total == a + b"), before, Acceptance(accept_above))["total"].status == "review"


def test_rules_that_share_a_field_are_settled_together() -> None:
    before = readings(total="48", a="12", b="30", half="21", doubts={"total": {"8": 0.5, "2": 0.45}})
    after = apply_rules(template("half * 2 == total", "total == a + b"), before, SURE)
    assert after["total"].value == "42" and "'half * 2 == total' and 'total == a + b'" in str(why(after["total"]))


def test_only_the_fields_of_a_broken_rule_go_to_a_person() -> None:
    after = apply_rules(template("a == b", "c == d"), readings(0.999, a="12", b="13", c="5", d="5"), SURE)
    assert [after[name].status for name in "abcd"] == ["review", "review", "ok", "ok"]


def test_a_date_that_cannot_be_is_told() -> None:
    after = apply_rules(template("date(d, m, y)"), readings(0.9999, d="31", m="02", y="24"), SURE)
    assert why(after["d"]) == "'date(d, m, y)' does not hold with d 31, m 02, y 24"


def test_what_a_person_must_see_is_not_settled_away() -> None:
    before = {"a": read(comb("a"), cells("1_2")), "b": read(comb("b"), cells("12_"))}
    after = apply_rules(template("a == b"), before, EVERYTHING)
    assert (after["a"].status, why(after["a"])) == ("review", "cell 2 is blank between digits")


def test_fields_that_were_not_read_leave_a_rule_without_a_word() -> None:
    before = readings(total="43", a="12")
    unread = FieldReading(comb("b"), None, 0.0, "error", "the page is torn")
    after = apply_rules(template("total == a + b", "total == a + gone"), {**before, "b": unread}, SURE)
    assert after == {**before, "b": unread}


def test_a_blank_side_leaves_a_reading_as_it_is() -> None:
    before = readings(total="__", a="12", b="30")
    after = apply_rules(template("total == a + b"), before, SURE)
    assert [(one.value, one.status) for one in after.values()] == [("", "ok"), ("12", "ok"), ("30", "ok")]
    assert after["a"].confidence == pytest.approx(before["a"].confidence, abs=1e-3)


def test_many_doubtful_fields_end() -> None:
    rng = np.random.default_rng(1)
    names = [f"f{number}" for number in range(8)]
    before = {}
    for name in names:
        shares = sorted(rng.dirichlet(np.full(16, 2.0)), reverse=True)
        listed = tuple(
            Candidate(str(number), share) for number, share in zip(rng.permutation(100), shares, strict=False)
        )
        before[name] = judge(comb(name), listed[0].value, shares[0], ACCEPT, candidates=listed)
    after = apply_rules(template(f"{names[0]} == {' + '.join(names[1:])}"), before, SURE)
    assert all(reading.status == "review" for reading in after.values())


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(["a + b == c", "a < b", "c - b >= a", "a == b"]), st.integers(0, 2**32 - 1))
def test_values_and_confidences_are_those_of_a_full_account(rule: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = {}
    for name in "abc":
        shares = sorted((float(share) for share in rng.dirichlet(np.full(5, 0.5))), reverse=True)
        listed = tuple(Candidate(str(n), s) for n, s in zip(rng.permutation(6), shares, strict=False))
        before[name] = judge(comb(name), listed[0].value, shares[0], ACCEPT, candidates=listed)
    names = parse_rule(rule).names
    weights = {}
    for chosen in itertools.product(*(before[name].candidates for name in names)):
        values = {name: one.value for name, one in zip(names, chosen, strict=True)}
        held = 1 if parse_rule(rule).holds(values) else WRONGLY_FILLED
        weights[tuple(values.values())] = held * math.prod(one.probability for one in chosen)
    after = apply_rules(template(rule), before, SURE)
    found = tuple(after[name].value for name in names)
    assert weights[found] == pytest.approx(max(weights.values()))  # type: ignore[index]
    for at, name in enumerate(names):
        share = sum(weight for values, weight in weights.items() if values[at] == found[at]) / sum(weights.values())
        assert after[name].confidence == pytest.approx(share, abs=2e-3)


def test_a_field_of_which_nearly_nothing_is_known_does_not_stop_the_arithmetic() -> None:
    """All that is weighed is what it may hold beside what was read, so that this itself is never reached."""
    many = {str(digit): 0.09 for digit in range(10)}
    doubts = dict.fromkeys(("total", "b", "c"), many)
    before = readings(0.5, total="4321", b="1234", c="2345", a="742", doubts=doubts)
    hopeless = replace(before["a"], candidates=(Candidate("742", 1e-9),), confidence=1e-9)
    after = apply_rules(template("total == a + b + c"), {**before, "a": hopeless}, SURE)
    assert after["a"].status == "review"
    assert after["a"].confidence < 1e-3
