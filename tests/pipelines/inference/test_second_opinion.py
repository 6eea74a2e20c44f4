"""Who is asked for a second opinion, on what, and what it changes."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from pipelines.drawing.non_digits import JUNK, draw_kind
from pipelines.drawing.pen import draw_digits
from pipelines.errors import UsageError
from pipelines.evaluation.crops import cropped
from pipelines.images import decode, to_model_input
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.inference.recognizer import Recognizer
from pipelines.inference.second_opinion import NONE, UNSURE, Asked, SecondOpinion, is_asked
from pipelines.models.folder import ModelFolder, open_model
from pipelines.strings.ctc import DIGITS
from tests.lines import shipped

CLASSES = [*DIGITS, NONE]
IMAGES, LABELS = draw_digits(60, seed=8)


@pytest.fixture(scope="module")
def reader() -> Iterator[Recognizer]:
    with Recognizer("builtin", engine="onnxruntime", threads=1) as opened:
        yield opened


def unopened() -> LineRecognizer:
    raise AssertionError("nobody was to be asked")


def opinion() -> SecondOpinion:
    return SecondOpinion(CLASSES, shipped)


def said(digit: int, sure: float, none: float = 0.0) -> np.ndarray:
    """The probabilities of one picture; the other digits share what is left."""
    probabilities = np.full((1, len(CLASSES)), (1 - sure - none) / 9, np.float32)
    probabilities[0, digit], probabilities[0, -1] = sure, none
    return probabilities


def two_pieces() -> np.ndarray:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 8:11] = image[0, 4:24, 18:21] = 255
    return image


def test_a_second_opinion_is_always_for_a_person_to_review() -> None:
    assert open_model("builtin").accepted_above > UNSURE


def test_digits_between_parts_of_others_are_read(reader: Recognizer) -> None:
    images = to_model_input(cropped(IMAGES, "neighbours"))
    alone = reader.read_prepared(images)
    both = reader.second_look(images, alone)
    right, before = (float((reading.labels == LABELS.astype(str)).mean()) for reading in (both, alone))
    assert right >= 0.9 > before
    assert both.seconded is not None and both.seconded.any()
    assert (both.confidences[both.seconded] <= UNSURE + 1e-6).all()
    assert np.allclose(both.probabilities.sum(1), 1, atol=1e-3)
    assert np.array_equal(both.confidences, both.probabilities.max(1))
    untouched = ~both.seconded
    assert np.array_equal(both.probabilities[untouched], alone.probabilities[untouched])


def test_no_confident_none_stands_beside_a_digit_that_was_seen() -> None:
    digit = IMAGES[:1]
    probabilities, changed = opinion().on(digit, said(0, 0.0, none=1.0))
    assert changed.tolist() == [True] and probabilities[0, -1] <= 0.5 + 1e-6
    assert probabilities[0, :10].argmax() == LABELS[0]


def test_what_is_no_digit_mostly_stays_none(reader: Recognizer) -> None:
    right = []
    for kind in JUNK:
        images = draw_kind(kind, 12, seed=2)
        right.append((reader.second_look(images, reader.read_prepared(images)).labels == NONE).mean())
    assert np.mean(right) >= 0.85


@pytest.mark.parametrize(
    ("probabilities", "images", "doubted"),
    [
        (said(3, 0.84), two_pieces(), [0]),
        (said(3, 0.86), two_pieces(), []),
        (said(3, 0.84), IMAGES[:1], []),
        (said(3, 0.35), IMAGES[:1], [0]),
        (said(3, 0.0, none=1.0), IMAGES[:1], [0]),
        (said(3, 0.0, none=1.0), np.zeros((1, 28, 28), np.uint8), []),
    ],
    ids=["unsure", "sure", "unsure of one piece", "very unsure", "none", "blank"],
)
def test_what_is_doubted(probabilities: np.ndarray, images: np.ndarray, doubted: list[int]) -> None:
    assert SecondOpinion(CLASSES, unopened).doubted(images, probabilities) == doubted


def test_the_reader_of_lines_is_opened_when_it_is_first_asked() -> None:
    asked = SecondOpinion(CLASSES, unopened)
    sure = said(int(LABELS[0]), 0.97)
    probabilities, changed = asked.on(IMAGES[:1], sure)
    assert probabilities is sure and not changed.any()
    with pytest.raises(AssertionError, match="nobody was to be asked"):
        asked.on(IMAGES[:1], said(3, 0.3))


def test_a_model_without_none_and_no_pictures_at_all() -> None:
    asked = SecondOpinion(DIGITS, shipped)
    number = int(LABELS[0])
    unsure = np.full((1, 10), 0.07, np.float32)
    unsure[0, number] = 0.37
    probabilities, changed = asked.on(IMAGES[:1], unsure)
    assert changed.all() and probabilities.argmax(1).tolist() == [number]
    nothing, changed = asked.on(np.empty((0, 28, 28), np.uint8), np.empty((0, 10), np.float32))
    assert nothing.shape == (0, 10) and changed.shape == (0,)


def test_a_png_and_pixels_get_the_same_second_opinion(reader: Recognizer) -> None:
    pictures = cropped(IMAGES[:20], "neighbours")
    pngs = [decode(cv2.imencode(".png", picture)[1].tobytes(), "it") for picture in pictures]
    prepared = to_model_input(pictures)
    from_pixels, from_pngs, again = (reader.read(some) for some in (pictures, pngs, prepared))
    assert from_pixels.seconded is not None
    for other in (from_pngs, again):
        assert np.array_equal(from_pixels.probabilities, other.probabilities)


@pytest.mark.parametrize(("asked", "builtin", "own"), [("auto", True, False), ("always", True, True), ("never", 0, 0)])
def test_who_has_it(asked: Asked, builtin: bool, own: bool, model: ModelFolder) -> None:
    assert is_asked(asked, open_model("builtin")) == bool(builtin)
    assert is_asked(asked, model) == bool(own)


def test_a_model_of_something_else_has_none(model: ModelFolder) -> None:
    letters = ModelFolder(model.path, {**model.manifest, "classes": ["a", "b"]})
    assert not is_asked("auto", letters)
    with pytest.raises(UsageError, match="reads a, b, and a second opinion is on the ten digits alone"):
        is_asked("always", letters)
