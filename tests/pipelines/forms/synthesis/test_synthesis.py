"""Made-up forms: the same from the same seed, filled in by the rules, and so that they can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.forms.constraints.field_language import failure
from pipelines.forms.constraints.rules import parse_rule
from pipelines.forms.fields import ModelOutputs, prepare_fields
from pipelines.forms.registration.registered_page import RegisteredPage, transform
from pipelines.forms.results import EVERYTHING
from pipelines.forms.synthesis.answers import make_answers
from pipelines.forms.synthesis.designs import all_designs, invoice
from pipelines.forms.synthesis.filling import fill_in, new_filler
from pipelines.forms.synthesis.forms import synthesise, synthesise_one
from pipelines.forms.synthesis.scanning import LEVELS, Level
from pipelines.forms.template import Register, Template
from pipelines.inference.recognizer import Recognizer
from tests.lines import shipped

TEMPLATES = {one.template.name: one.template for one in all_designs()}
DPI = 203.2


@pytest.fixture(scope="module")
def reader() -> Iterator[Recognizer]:
    with Recognizer("builtin", "onnxruntime", threads=1) as reader:
        yield reader


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_seed_makes_the_same_page_whatever_was_made_before(level: Level) -> None:
    *_, third = synthesise(3, 11, level)
    again = synthesise_one(2, 11, level)
    assert (again.name, again.answers, again.dpi) == (third.name, third.answers, third.dpi)
    assert (again.image == third.image).all() and (again.matrix == third.matrix).all()
    other = synthesise_one(2, 12, level)
    assert other.answers != again.answers


@pytest.mark.parametrize("name", TEMPLATES)
def test_answers_keep_to_the_template(name: str) -> None:
    template = TEMPLATES[name]
    for seed in range(60):
        answers = make_answers(template, np.random.default_rng(seed))
        assert list(answers) == [one.name for one in template.fields if one.kind != "text_image"]
        for field in template.fields:
            value = answers.get(field.name, "")
            if field.kind in ("digits", "number"):
                assert failure(field, value) is None if value else field.blank, (field.name, value)
        assert all(parse_rule(rule).holds(answers) for rule in template.rules), answers


def test_fields_that_may_be_blank_sometimes_are_and_marks_are_ticked_and_not() -> None:
    seen = [make_answers(TEMPLATES["laboratory"], np.random.default_rng(seed)) for seed in range(80)]
    assert 1 <= sum(one["ward"] == "" for one in seen) <= 25
    assert 15 <= sum(one["iron"] == "1" for one in seen) <= 55
    assert {one["iron"] for one in seen} == {"0", "1"}


def test_what_is_written_lies_in_its_field_and_nowhere_else() -> None:
    design, random = invoice(), np.random.default_rng(4)
    blank = design.blank_page(DPI)
    answers = make_answers(design.template, random)
    filled = fill_in(blank, design.template, answers, new_filler(random), random)
    added = filled < blank - 40.0
    around = np.zeros(blank.shape, bool)
    for field in design.template.fields:
        left, top, right, bottom = (
            round(side * DPI / 25.4)
            for side in (field.box.left - 3, field.box.top - 3, field.box.right + 3, field.box.bottom + 3)
        )
        inked = bool(added[top:bottom, left:right].any())
        around[top:bottom, left:right] = True
        if field.kind != "text_image":
            assert inked == (answers[field.name] not in ("", "0")) or answers[field.name] == "0", field.name
    assert added.any() and not (added & ~around).any()


@pytest.mark.parametrize("level", LEVELS)
def test_the_matrix_says_where_the_page_lies_on_its_scan(level: Level) -> None:
    """Corner marks are the darkest that is large, so they are where the matrix says."""
    for number in (0, 4):
        scan = synthesise_one(number, 3, level)
        for mark in scan.template.register.corners:
            (x, y) = transform(np.array([[mark.x, mark.y]]), scan.matrix)[0]
            if 8 < x < scan.image.shape[1] - 8 and 8 < y < scan.image.shape[0] - 8:
                around = scan.image[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4]
                assert np.median(around) < np.median(scan.image) - 50


@pytest.mark.parametrize("name", ["survey", "meter"])
def test_what_is_written_can_be_read(name: str, reader: Recognizer) -> None:
    design = next(one for one in all_designs() if one.template.name == name)
    template = replace(design.template, register=Register("none"))
    random = np.random.default_rng(6)
    answers = make_answers(design.template, random)
    page = fill_in(design.blank_page(DPI), design.template, answers, new_filler(random, 0.0), random)
    assert read(page, template, reader) == answers


def read(page: np.ndarray, template: Template, reader: Recognizer) -> dict[str, str | None]:
    """A page that lies as the template has it: what is wrong is not the registration's fault."""
    size = (round(template.width * 8), round(template.height * 8))
    straight = RegisteredPage(cv2.resize(page, size, interpolation=cv2.INTER_AREA), template, 0.0, 0, np.eye(3) / 8)
    found = {}
    for one in prepare_fields(straight):
        if one.field.kind != "text_image":
            lines = shipped()([one.line.picture] if one.line else [])
            said = ModelOutputs(reader.read_prepared(one.digits).probabilities, lines)
            found[one.field.name] = one.read(said, reader.classes, EVERYTHING).value
    return found
