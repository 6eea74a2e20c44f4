"""How large a page is."""

from __future__ import annotations

import pytest

from pipelines.errors import UsageError
from pipelines.forms.registration.page_size import page_size


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


def test_an_unusual_shape_without_a_resolution_is_refused() -> None:
    with pytest.raises(UsageError, match=r"1000 x 500 pixels.*resolution"):
        page_size(1000, 500)
