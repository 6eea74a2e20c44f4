"""Forms that a printed QR code tells apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.forms.registration.matching import match_and_register
from pipelines.forms.registration.register import NotRegistered, register
from pipelines.forms.template import Box, Register, Template
from tests.pipelines.forms.registration.papers import DOTS, blank, farthest_off, moved, scanned, templates, turned

PLACE = Box(165, 168, 20, 20)


def with_code(code: str) -> np.ndarray:
    """The blank meter card, with a code on its right."""
    page, side = blank("meter").copy(), round(PLACE.width * DOTS)
    drawn = cv2.QRCodeEncoder.create().encode(code)
    # The encoder draws a margin of white around the code.
    rows, columns = np.nonzero(drawn < 128)
    drawn = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    left, top = round(PLACE.left * DOTS), round(PLACE.top * DOTS)
    page[top : top + side, left : left + side] = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_NEAREST)
    return page


def coded(code: str, folder: Path) -> Template:
    path = folder / f"{code}.png"
    path.write_bytes(cv2.imencode(".png", with_code(code))[1].tobytes())
    return replace(templates()["meter"], name=code, register=Register("qr", path, code=code, code_box=PLACE))


@pytest.mark.parametrize("quarters", range(4))
def test_a_page_with_the_code_is_laid_straight(quarters: int, tmp_path: Path) -> None:
    template = coded("card-7", tmp_path)
    image, matrix = moved(with_code("card-7"), degrees=5, scale=0.9, shift=(4, -3), lean=(0.05, -0.05))
    image, matrix = turned(scanned(image, quarters), matrix, quarters)
    straight = register(image, template)
    assert farthest_off(straight.matrix, matrix, template) < 0.5
    assert straight.turned == 90 * quarters


def test_twins_are_told_apart_by_their_codes(tmp_path: Path) -> None:
    twins = [coded("card-2025", tmp_path), coded("card-2026", tmp_path)]
    for name in ("card-2026", "card-2025"):
        image, _ = moved(with_code(name), degrees=-2)
        assert match_and_register(scanned(image), twins).template.name == name


def test_a_page_without_the_code_is_refused_in_words(tmp_path: Path) -> None:
    template = coded("card-7", tmp_path)
    with pytest.raises(NotRegistered, match=r"no QR code can be read .* the code 'card-7' of 'card-7'"):
        register(scanned(blank("meter")), template)
    with pytest.raises(NotRegistered, match=r"the page has the code 'card-8', and not the code 'card-7'"):
        register(scanned(with_code("card-8")), template)


def test_the_code_on_another_form_is_not_enough(tmp_path: Path) -> None:
    page, code = blank("survey").copy(), with_code("card-7")
    rows, columns = slice(round(166 * DOTS), round(190 * DOTS)), slice(round(163 * DOTS), round(187 * DOTS))
    page[rows, columns] = code[rows, columns]
    with pytest.raises(NotRegistered, match="card-7"):
        register(scanned(page), coded("card-7", tmp_path))
