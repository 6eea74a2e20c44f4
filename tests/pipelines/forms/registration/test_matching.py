from __future__ import annotations

import numpy as np
import pytest

from pipelines.errors import UsageError
from pipelines.forms.registration.matching import match_and_register
from pipelines.forms.registration.register import NotRegistered
from pipelines.forms.synthesis.forms import synthesise
from pipelines.forms.template import Register, Template
from tests.pipelines.forms.registration.papers import blank, farthest_off, moved, scanned, templates


def test_every_hard_scan_is_told_to_be_the_form_it_is_and_laid_straight() -> None:
    for scan in synthesise(10, 5, "hard"):
        straight = match_and_register(scan.image, list(templates().values()))
        assert straight.template.name == scan.template.name
        assert farthest_off(straight.matrix, scan.matrix, straight.template) < 1


def test_a_form_that_is_not_among_the_templates_is_unknown() -> None:
    for name in ("invoice", "survey"):
        others = [one for one in templates().values() if one.name != name]
        with pytest.raises(NotRegistered, match=r"^unknown form: the page does not fit any of 'credit-note', "):
            match_and_register(scanned(moved(blank(name), degrees=2)[0]), others)


def test_a_blank_page_is_said_to_be_blank() -> None:
    with pytest.raises(NotRegistered, match="the page is blank"):
        match_and_register(np.full((1754, 1240), 230, np.uint8), list(templates().values()))


def test_two_templates_alike_are_no_answer() -> None:
    one = templates()["meter"]
    twin = Template("meter-again", one.width, one.height, one.register, one.fields)
    with pytest.raises(NotRegistered, match=r"'meter(-again)?' alike"):
        match_and_register(scanned(blank("meter")), [one, twin])


def test_what_cannot_tell_pages_apart_is_refused() -> None:
    with pytest.raises(UsageError, match="no template"):
        match_and_register(blank("meter"), [])
    with pytest.raises(UsageError, match="'card' registers by nothing"):
        match_and_register(blank("meter"), [templates()["meter"], Template("card", 9, 9, Register("none"), ())])
