"""Which fields of a page are there to be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.forms.fields import ALONE, CombField, MissingField, PreparedField, prepare_fields
from pipelines.forms.registration.registered_page import DOTS_PER_MM, RegisteredPage
from pipelines.forms.synthesis.designs import credit_note
from pipelines.forms.template import Box, Field, Template


@pytest.fixture
def straight(tmp_path: Path) -> RegisteredPage:
    """A page on which just the total is to be read, filled in with nothing."""
    design = credit_note()
    blank = design.blank_page(25.4 * DOTS_PER_MM)
    path = tmp_path / "blank.png"
    cv2.imwrite(str(path), blank)
    register = replace(design.template.register, reference=path)
    template = replace(design.template, register=register, fields=(_total(design.template),), rules=())
    return RegisteredPage(blank, template, 0.0, 0, np.eye(3))


def _total(template: Template) -> Field:
    return next(one for one in template.fields if one.name == "total")


def prepared(straight: RegisteredPage) -> PreparedField:
    [field] = prepare_fields(straight)
    return field


def near(straight: RegisteredPage) -> Box:
    box = straight.template.fields[0].box
    return Box(box.left - 5, box.top - 5, 10, 10)


def test_a_field_whose_frame_is_there_is_read_though_print_beside_it_is_lost(straight: RegisteredPage) -> None:
    found = prepared(replace(straight, gaps=(near(straight),)))
    assert isinstance(found, CombField) and found.doubt == ALONE
    assert prepared(straight).doubt is None


def test_a_field_that_is_covered_or_not_in_the_picture_is_missing(straight: RegisteredPage) -> None:
    box = straight.template.fields[0].box
    covered = straight.image.copy()
    rows, columns = (slice(round(a * DOTS_PER_MM), round(b * DOTS_PER_MM)) for a, b in _around(box))
    covered[rows, columns] = 255
    assert isinstance(prepared(replace(straight, image=covered, gaps=(near(straight),))), MissingField)
    assert isinstance(prepared(replace(straight, outside=(near(straight),))), MissingField)


def _around(box: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    return (box.top - 4, box.bottom + 4), (box.left - 4, box.right + 4)


def test_without_a_blank_page_a_blank_field_whose_frame_is_not_seen_is_for_a_person(straight: RegisteredPage) -> None:
    register = replace(straight.template.register, by="corners", reference=None)
    alone = replace(straight, template=replace(straight.template, register=register))
    assert prepared(alone).doubt is None
    torn = np.full_like(straight.image, 255)
    assert prepared(replace(alone, image=torn)).doubt == ALONE
