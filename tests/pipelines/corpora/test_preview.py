from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.corpora.corpus import Corpus, Split
from pipelines.corpora.preview import DIGIT, HEADING, MARGIN, STEP_X, draw_preview, write_preview
from pipelines.errors import UsageError


def flat(labels: list[int]) -> Corpus:
    """Every digit is one even grey, so that a picture tells which digits it shows."""
    images = np.stack([np.full((28, 28), 10 + row, np.uint8) for row in range(len(labels))])
    return Corpus("flat", Split(images, np.array(labels, np.uint8)), None)


def test_digits_stand_in_bands_by_class() -> None:
    corpus = flat([5, 3, 5, 3, 5])
    picture = np.asarray(draw_preview(corpus, count=6, seed=0).convert("L"))
    columns = [MARGIN + DIGIT // 2 + column * STEP_X for column in range(3)]
    first = picture[MARGIN + HEADING + 5, columns] - 10
    assert sorted(first[:2]) == [1, 3], "both threes come first"
    shown = set(np.unique(picture)) & set(range(10, 15))
    assert shown == {10, 11, 12, 13, 14}


def test_count_is_shared_out_and_a_seed_repeats_itself(digits: Split) -> None:
    corpus = Corpus("x", digits, None)
    one, same, other = (draw_preview(corpus, 20, seed).tobytes() for seed in (1, 1, 2))
    assert one == same != other


def test_many_digits_wrap() -> None:
    tall = draw_preview(flat([1] * 45), count=45, seed=0)
    assert tall.width == 2 * MARGIN + 19 * STEP_X + DIGIT
    assert tall.height > draw_preview(flat([1] * 20), count=20, seed=0).height


def test_fewer_digits_than_classes() -> None:
    draw_preview(flat([0, 1, 2]), count=1, seed=0)


def test_a_long_name_has_room(digits: Split) -> None:
    corpus = Corpus("folder:" + "long/" * 30, digits, None)
    assert draw_preview(corpus, 10, 0).width > 1000


def test_written_as_png(tmp_path: Path, corpus: Corpus) -> None:
    write_preview(corpus, tmp_path / "a.png", 30, 0)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG"


def test_no_digits_asked_for(corpus: Corpus) -> None:
    with pytest.raises(UsageError) as error:
        draw_preview(corpus, 0, 0)
    assert str(error.value) == "A preview needs at least 1 digit, not 0."
