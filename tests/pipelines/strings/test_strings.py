"""A run of digits without cells is read whole, and its confidence says how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.strings.ctc import Frames
from pipelines.strings.line import find_line
from pipelines.strings.reading import StringReading, read_line, read_strings, read_strings_of
from pipelines.strings.synthesis import draw_scrawl, draw_word
from tests.lines import shipped
from tests.pipelines.strings.written import on_paper, row

Picture = NDArray[np.uint8]


def read(image: Picture) -> StringReading:
    return read_strings_of([image], shipped())[0]


@pytest.mark.parametrize("number", ["2365", "40792", "8"])
def test_digits_that_stand_apart(number: str) -> None:
    reading = read(on_paper(row(number)))
    assert reading.value == number
    assert "".join(digit.label for digit in reading.digits) == number
    assert all(0 < digit.confidence <= 1 for digit in reading.digits)


def test_the_boxes_lie_on_the_digits() -> None:
    image = on_paper(row("2365"))
    boxes = [digit.box for digit in read(image).digits]
    for left, top, width, height in boxes:
        part = image[top : top + height, left : left + width]
        assert part.min() < 120
        assert 25 <= height <= 60
    assert [box[0] for box in boxes] == sorted(box[0] for box in boxes)


@pytest.mark.parametrize("number", ["23", "52", "60", "35"])
def test_a_touching_pair(number: str) -> None:
    ink = row(number, gap=-6)
    assert cv2.connectedComponents((ink > 80).astype(np.uint8))[0] == 2, "they do not touch"
    assert read(on_paper(ink)).value == number


def test_a_broken_digit_is_one() -> None:
    ink = row("352")
    ink[20:23, :30] = 0
    assert cv2.connectedComponents((ink > 80).astype(np.uint8))[0] == 5, "it is not broken"
    assert read(on_paper(ink)).value == "352"


def test_commas_dots_and_a_last_dash_are_left_out() -> None:
    left, right = row("27"), row("365", seed=5)
    ink = np.zeros((58, left.shape[1] + right.shape[1] + 90), np.uint8)
    ink[:44, : left.shape[1]] = left
    at = left.shape[1] + 6
    cv2.line(ink, (at + 4, 38), (at, 54), 255, 4, cv2.LINE_AA)
    at += 16
    ink[:44, at : at + right.shape[1]] = right
    end = at + right.shape[1]
    cv2.circle(ink, (end + 8, 41), 3, 255, -1, cv2.LINE_AA)
    cv2.line(ink, (end + 22, 24), (end + 55, 22), 255, 4, cv2.LINE_AA)
    assert read(on_paper(ink)).value == "27365"


def test_a_printed_line_below_is_left_out() -> None:
    image = on_paper(row("6352"))
    image[-6:-4] = 60
    assert read(image).value == "6352"


def test_light_on_dark_and_small() -> None:
    assert read(255 - on_paper(row("2365"))).value == "2365"
    small = cv2.resize(on_paper(row("2365")), None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)
    assert read(np.asarray(small)).value == "2365"


def test_the_alternatives_are_several_best_first_and_no_more_than_all() -> None:
    reading = read(on_paper(row("41", gap=-6)))
    found = [one.probability for one in reading.alternatives]
    assert reading.alternatives[0].digits == reading.value
    assert found[0] == reading.confidence
    assert found == sorted(found, reverse=True)
    assert len({one.digits for one in reading.alternatives}) == len(found) > 1
    assert all(0 <= probability <= 1 for probability in found)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_paper_has_no_value(level: int) -> None:
    grain = np.random.default_rng(0).normal(level, 3, (50, 160))
    for image in (np.full((50, 160), level, np.uint8), np.clip(grain, 0, 255).astype(np.uint8)):
        reading = read(image)
        assert (reading.value, reading.confidence, reading.digits) == ("", 0.0, ())


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 3), (20, 20, 3)])
def test_no_size_is_too_small(shape: tuple[int, ...]) -> None:
    assert read(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)).confidence <= 1


def test_many_are_read_as_one_by_one_in_one_call() -> None:
    calls = []

    def counted(pictures: Sequence[Picture]) -> list[Frames]:
        calls.append(len(pictures))
        return shipped()(pictures)

    images = [on_paper(row("236")), np.full((40, 90), 200, np.uint8), on_paper(row("5079"))]
    readings = read_strings_of(images, counted)
    assert calls == [2]
    assert [reading.value for reading in readings] == ["236", "", "5079"]
    assert readings[0].confidence == pytest.approx(read(images[0]).confidence, abs=1e-5)


def test_every_run_of_a_photo_in_reading_order() -> None:
    ink = np.zeros((300, 420), np.uint8)
    for (left, top), number in {(30, 40): "236", (260, 50): "52", (60, 180): "3025"}.items():
        part = row(number)
        ink[top : top + part.shape[0], left : left + part.shape[1]] = part
    found = read_strings(on_paper(ink), shipped())
    assert [string.reading.value for string in found] == ["236", "52", "3025"]
    left, top, width, height = found[2].box
    for digit in found[2].reading.digits:
        assert left - 3 <= digit.box[0] <= left + width
        assert top - 3 <= digit.box[1] <= top + height


@pytest.mark.parametrize("light", [False, True])
def test_a_printed_band_is_no_paper(light: bool) -> None:
    image = np.pad(on_paper(row("2365")), ((10, 0), (0, 0)), constant_values=225)
    image[:12] = 70
    image[12:, [0, 1, -2, -1]] = 140
    assert read(255 - image if light else image).value == "2365"


def test_a_lump_that_cannot_be_read_makes_the_rest_unsure() -> None:
    ink = np.pad(row("236"), ((0, 0), (0, 130)))
    plain = read(on_paper(ink))
    for at in range(3):
        cv2.rectangle(ink, (ink.shape[1] - 118 + 6 * at, 2 + 6 * at), (ink.shape[1] - 4 - 6 * at, 41 - 6 * at), 255, 3)
    reading = read(on_paper(ink))
    assert plain.value == "236" and plain.confidence > 0.5
    assert reading.confidence < 0.5


@pytest.mark.parametrize("number", ["23652", "40796"])
def test_a_number_with_more_digits_than_expected_does_not_look_as_if_it_had_as_many(number: str) -> None:
    line = find_line(on_paper(row(number)))
    assert line is not None
    reading = read_line(line, shipped()([line.picture])[0], (4, 4))
    assert reading.value == number
    assert all(other.probability < 0.2 for other in reading.alternatives if len(other.digits) == 4)


def test_words_and_scrawls_are_hardly_ever_a_number() -> None:
    random = np.random.default_rng(0)
    pictures = [draw(random).image for draw in (draw_word, draw_scrawl) * 20]
    nothing = [reading.value == "" for reading in read_strings_of(pictures, shipped())]
    assert np.mean(nothing) > 0.8


@pytest.mark.parametrize("number", ["230", "97", "300", "530", "5"])
def test_a_number_that_touches_the_edges_of_its_picture_is_read_as_it_is_cut(number: str) -> None:
    image = on_paper(row(number, gap=4), margin=1)
    (found,) = read_strings(image, shipped())
    assert found.reading.value == number
    assert found.reading == read(image)


@pytest.mark.parametrize("sides", ["right", "left", "left right", "below", "right below", "left right above below"])
def test_the_lines_of_a_table_are_no_digits(sides: str) -> None:
    image = on_paper(row("2365"), margin=24)
    for side in sides.split():
        turned = image if side in ("above", "below") else image.T
        at = 9 if side in ("above", "left") else len(turned) - 12
        turned[at : at + 3] = 110
    assert [found.reading.value for found in read_strings(image, shipped())] == ["2365"]


def test_a_picture_without_a_number_has_none() -> None:
    assert read_strings(np.full((60, 200), 220, np.uint8), shipped()) == []
