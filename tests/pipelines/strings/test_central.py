"""Of a picture that holds several digits, the one in the middle."""

from __future__ import annotations

import numpy as np

from pipelines.drawing.pen import draw_digits
from pipelines.strings.central import central_digits
from tests.lines import shipped


def digit(number: int) -> np.ndarray:
    images, labels = draw_digits(40, seed=5)
    return images[int(np.flatnonzero(labels == number)[0])]


def test_it_is_the_one_in_the_middle() -> None:
    row = np.hstack([digit(number)[:, 4:24] for number in (3, 7, 2)])
    [seen] = central_digits([row], shipped())
    assert seen is not None and seen.argmax() == 7 and seen[7] > 0.9


def test_paper_has_none_and_pictures_do_not_depend_on_each_other() -> None:
    paper, one = np.zeros((28, 28), np.uint8), digit(4)
    nothing, together = central_digits([paper, one], shipped())
    [alone] = central_digits([one], shipped())
    assert nothing is None and together is not None and alone is not None
    assert np.allclose(together, alone, atol=1e-5) and alone.argmax() == 4
