"""The drawn crops are what they are called, and read however they were cut out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from jobs.benches.crops import score_of
from pipelines.corpora import Split
from pipelines.drawing.pen import draw_digits
from pipelines.evaluation.crops import CROPS, SIZES, cropped
from pipelines.images import to_model_input
from pipelines.inference.recognizer import Recognizer

LEAST = {"neighbour left": 0.9, "neighbour right": 0.9, "neighbours": 0.9}
"""Rows that are not yet read as well as the others."""


@pytest.fixture(scope="module")
def digits() -> Split:
    return Split(*draw_digits(100, seed=3))


@pytest.fixture(scope="module")
def reader() -> Iterator[Recognizer]:
    with Recognizer("builtin", engine="onnxruntime", threads=1) as opened:
        yield opened


def test_a_seed_decides(digits: Split) -> None:
    first, same, other = (cropped(digits.images, "dirt", seed) for seed in (4, 4, 5))
    assert all(np.array_equal(one, again) for one, again in zip(first, same, strict=True))
    assert not all(np.array_equal(one, again) for one, again in zip(first, other, strict=True))


@pytest.mark.parametrize("side", SIZES)
def test_a_picture_has_the_size_that_it_is_called_by(side: int, digits: Split) -> None:
    assert {picture.shape for picture in cropped(digits.images, f"{side} px")} == {(side, side)}


@pytest.mark.parametrize("name", CROPS)
def test_digits_are_read_however_they_were_cut_out(name: str, digits: Split, reader: Recognizer) -> None:
    score = score_of(reader, digits, name, seed=0)
    assert score.accuracy >= max(LEAST.get(name, 0.95), score.alone)
    assert score.sure_none == 0


@pytest.mark.parametrize("name", [name for name in CROPS if name not in ("tight", "inverted")])
def test_the_negative_is_prepared_alike(name: str, digits: Split) -> None:
    pictures = cropped(digits.images[:20], name)
    alike = to_model_input(pictures) == to_model_input([255 - picture for picture in pictures])
    assert alike.all((1, 2)).mean() >= 0.95
