"""How large a page is."""

from __future__ import annotations

import re

import pytest

from pipelines.errors import UsageError
from pipelines.forms.registration.page_size import page_size, said_size


@pytest.mark.parametrize(
    ("pixels", "dpi", "size"),
    [
        ((1654, 2339), None, (210.0, 297.0)),
        ((1704, 2200), None, (215.9, 279.4)),
        ((2339, 1654), None, (297.0, 210.0)),
        ((1700, 2200), 200, (215.9, 279.4)),
        ((1652, 2341), 200, (210.0, 297.0)),
        ((1000, 500), 100, (254.0, 127.0)),
    ],
)
def test_pages_of_usual_and_other_sizes(pixels: tuple[int, int], dpi: float | None, size: tuple[float, float]) -> None:
    assert page_size(*pixels, dpi) == pytest.approx(size)


def test_an_unusual_shape_of_which_nothing_is_said_is_refused() -> None:
    with pytest.raises(UsageError, match=r"883 x 1280 pixels.*say its size"):
        page_size(883, 1280)


@pytest.mark.parametrize(
    ("said", "pixels", "size"),
    [
        ("210x297mm", (883, 1280), (210.0, 297.0)),
        ("a5", (883, 1280), (148.0, 210.0)),
        ("A5", (1280, 883), (210.0, 148.0)),
        ("8.5 x 11in", (850, 1100), (215.9, 279.4)),
        ("80mm", (400, 1200), (80.0, 240.0)),
        ("8cm", (400, 1200), (80.0, 240.0)),
    ],
)
def test_a_size_that_is_said(said: str, pixels: tuple[int, int], size: tuple[float, float]) -> None:
    assert said_size(said, *pixels) == pytest.approx(size)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("A9", "'A9' is no size of a page; say a paper such as A5"),
        ("210x297", "'210x297' is no size of a page; say a paper such as A5"),
        ("1mm", "A page of size 1mm has 1 x 1.45 mm; each side must be from 20 to 1500 mm."),
        ("297x210mm", "A page of size 297x210mm has another shape than the picture of 883 x 1280 pixels"),
    ],
)
def test_a_size_that_cannot_be_is_refused(said: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        said_size(said, 883, 1280)
