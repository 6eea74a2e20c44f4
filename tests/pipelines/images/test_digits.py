from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.corpora import load_corpus
from pipelines.drawing.pen import STYLES, draw_digit, draw_digits
from pipelines.errors import DataError
from pipelines.images import to_model_input
from pipelines.images.digits import is_prepared

ALL = range(10)


def prepared(image: np.ndarray) -> np.ndarray:
    return to_model_input([image])[0]


def written(digit: int, side: int = 56) -> np.ndarray:
    """Bright on dark, with some room at the rim."""
    drawn = draw_digit(digit, np.random.default_rng(digit + 10))
    return cv2.resize(drawn, (side, side), interpolation=cv2.INTER_CUBIC)


def paper(side: int, noise: float, shading: float = 0) -> np.ndarray:
    slope = np.linspace(0, shading, side)
    return 220 - np.add.outer(slope, slope / 2) + np.random.default_rng(side).normal(0, noise, (side, side))


def on(sheet: np.ndarray, ink: np.ndarray, contrast: float) -> np.ndarray:
    return np.clip(sheet - ink * (contrast / 255), 0, 255).astype(np.uint8)


def hairline(digit: int, side: int = 1500, width: int = 8) -> np.ndarray:
    image = np.zeros((side, side), np.uint8)
    strokes = [np.round(np.array(stroke) * side * 0.7 + side * 0.15).astype(np.int32) for stroke in STYLES[digit][0]]
    cv2.polylines(image, strokes, False, 255, width, cv2.LINE_AA)
    return image


def components(digit: np.ndarray, level: int = 64) -> int:
    return cv2.connectedComponents((digit >= level).astype(np.uint8), connectivity=8)[0] - 1


def extent(digit: np.ndarray) -> tuple[int, int]:
    height, width = (np.ptp(places) + 1 for places in np.nonzero(digit >= 48))
    return int(height), int(width)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """As far as a pixel's shift can bring them together: where the rounding falls is chance."""
    shifted = [np.roll(other, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return max(float(np.corrcoef(one.ravel(), image.ravel())[0, 1]) for image in shifted)


def error_of(images: np.ndarray | list[np.ndarray]) -> str:
    with pytest.raises(DataError) as error:
        to_model_input(images)
    return str(error.value)


def test_what_has_the_form_stays_to_the_byte() -> None:
    images, _ = draw_digits(500, seed=1)
    formed = images[is_prepared(images)]
    assert len(formed) > len(images) / 2
    assert to_model_input(formed) is formed
    assert np.array_equal(to_model_input(list(formed[:100])), formed[:100])


def test_mnist_stays_to_the_byte(measuring_data: Path) -> None:
    test = load_corpus("mnist", measuring_data).test
    assert test is not None
    assert len(test) == 10_000
    assert np.array_equal(to_model_input(test.images), test.images)


def test_what_has_not_the_form_does_not_touch_its_neighbours_nor_its_source() -> None:
    stack = np.stack([draw_digit(digit, np.random.default_rng(1)) for digit in (3, 4, 3)])
    stack[1] = np.roll(stack[1], 3, axis=1)
    source = stack.copy()
    found = to_model_input(stack)
    assert is_prepared(stack).tolist() == [True, False, True]
    assert np.array_equal(found[[0, 2]], source[[0, 2]])
    assert is_prepared(found).all()
    assert np.array_equal(stack, source)


@pytest.mark.parametrize("side", [28, 40, 56, 200])
@pytest.mark.parametrize("digit", ALL)
def test_dark_on_light_is_the_same_as_bright_on_dark(digit: int, side: int) -> None:
    image = np.pad(written(digit, side), 2)
    assert prepared(image).any()
    assert np.array_equal(prepared(255 - image), prepared(image))


def test_grey_kept_as_colour_or_with_one_channel_or_in_another_type_is_the_same() -> None:
    image = written(5)
    for other in (
        np.stack([image] * 3, axis=2),
        image[..., None],
        image * np.uint16(257),
        image / 255,
        (image / 255).astype(np.float32),
        image.astype(np.int64),
        np.asfortranarray(image),
        np.repeat(image, 2, axis=1)[:, ::2],
    ):
        assert np.array_equal(prepared(other), prepared(image))


def test_colour_counts_by_its_lightness() -> None:
    image = written(8)
    colours = np.zeros((*image.shape, 3), np.uint8)
    colours[:28, :, 0], colours[28:, :, 2] = image[:28], image[28:]
    lightness = np.rint(colours @ [0.299, 0.587, 0.114]).astype(np.uint8)
    assert likeness(prepared(colours), prepared(lightness)) > 0.999


@pytest.mark.parametrize("side", [28, 40, 100, 300])
@pytest.mark.parametrize("noise", [0, 0.5, 1, 2, 4, 8, 16])
def test_blank_paper_is_blank(noise: float, side: int) -> None:
    assert not prepared(on(paper(side, noise), np.zeros((side, side)), 0)).any()


@pytest.mark.parametrize("level", [0, 1, 127, 128, 254, 255])
@pytest.mark.parametrize("shape", [(28, 28), (1, 1), (1, 200), (57, 31)])
def test_a_uniform_image_is_blank(level: int, shape: tuple[int, int]) -> None:
    assert not prepared(np.full(shape, level, np.uint8)).any()


@pytest.mark.parametrize("digit", ALL)
def test_specks_are_removed(digit: int) -> None:
    clean = np.pad(written(digit, 80), 20)
    dirty = clean.copy()
    for row, column in ((22, 30), (97, 24), (95, 95), (24, 90)):
        assert not dirty[row : row + 3, column : column + 3].any()
        dirty[row : row + 3, column : column + 3] = 255
    assert likeness(prepared(dirty), prepared(clean)) > 0.99
    assert components(prepared(dirty)) == components(prepared(clean))


@pytest.mark.parametrize("digit", ALL)
def test_the_corners_of_a_printed_box_are_removed(digit: int) -> None:
    clean = np.pad(written(digit, 80), 10)
    boxed = clean.copy()
    boxed[:3, :25] = boxed[:25, :3] = 255
    boxed[-3:, -30:] = boxed[-30:, -3:] = 255
    assert likeness(prepared(boxed), prepared(clean)) > 0.99
    assert extent(prepared(boxed)) == extent(prepared(clean))


@pytest.mark.parametrize("digit", ALL)
def test_a_faint_digit_on_grainy_shaded_paper_comes_out_at_full_contrast(digit: int) -> None:
    # By a pen, not by a marker, which can fill a slashed 0 to a blot.
    ink = hairline(digit, 150, 7)
    faint = prepared(on(paper(150, noise=2, shading=40), ink, contrast=30))
    assert faint.max() == 255
    assert np.median(faint) == 0
    assert likeness(faint, prepared(ink)) > 0.95


@pytest.mark.parametrize("digit", ALL)
@pytest.mark.parametrize("width", [3, 8, 20])
def test_a_hairline_on_a_large_scan_stays_whole(digit: int, width: int) -> None:
    found = prepared(255 - hairline(digit, width=width))
    assert components(found, level=128) == 1
    assert found.max() == 255


# Where a digit has few pixels, the soft margin that belongs to it is a larger part of it.
@pytest.mark.parametrize(("side", "shortest"), [(20, 17), (33, 18), (64, 19), (250, 19)])
@pytest.mark.parametrize("digit", ALL)
def test_the_longer_side_is_20_and_the_mass_in_the_middle(digit: int, side: int, shortest: int) -> None:
    off_centre = np.pad(written(digit, side), ((3, 3 + side // 2), (3 + side // 3, 3)))
    found = prepared(off_centre)
    assert shortest <= max(extent(found)) <= 20
    for axis in (0, 1):
        centre = found.sum(1 - axis) @ np.arange(28) / found.sum()
        assert centre == pytest.approx(13.5, abs=0.5)


def test_ragged_lists_and_stacks_give_the_same_as_one_by_one() -> None:
    stack = np.stack([written(digit) for digit in ALL])
    ragged = [
        *(written(digit, 20 + 9 * digit) for digit in ALL),
        draw_digit(7, np.random.default_rng(0)),
        np.roll(draw_digit(7, np.random.default_rng(0)), 4, axis=1),
        np.stack([written(2, 28)] * 3, axis=2),
    ]
    for images in (stack, stack[..., None], np.stack([stack] * 3, axis=3), ragged):
        assert np.array_equal(to_model_input(images), np.stack([prepared(image) for image in images]))


@pytest.mark.parametrize("images", [[], np.empty((0, 28, 28), np.uint8), np.empty((0, 40, 30, 3))])
def test_nothing_gives_nothing(images: np.ndarray | list[np.ndarray]) -> None:
    found = to_model_input(images)
    assert (found.dtype, found.shape) == (np.uint8, (0, 28, 28))


@pytest.mark.parametrize(
    ("shape", "described"),
    [
        ((28,), "[28]"),
        ((28, 28, 2), "[28, 28, 2]"),
        ((28, 28, 4), "[28, 28, 4]"),
        ((3, 40, 40), "[3, 40, 40]"),
        ((1, 28, 28, 3), "[1, 28, 28, 3]"),
        ((0, 28), "[0, 28]"),
        ((28, 0, 3), "[28, 0, 3]"),
        ((), "[]"),
    ],
)
def test_another_shape_is_refused(shape: tuple[int, ...], described: str) -> None:
    images = [np.zeros((28, 28), np.uint8), np.zeros(shape, np.uint8)]
    assert error_of(images) == f"Image 1 must be [H, W] or [H, W, 3] with pixels, not {described}."


def test_a_single_image_is_not_a_stack() -> None:
    assert error_of(np.zeros((28, 28), np.uint8)) == "Image 0 must be [H, W] or [H, W, 3] with pixels, not [28]."


def test_other_things_than_numbers_are_refused() -> None:
    assert error_of([np.full((28, 28), "7")]) == "Pixels must be numbers, not <U1."
