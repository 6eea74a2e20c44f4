from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.forms.registration.register import DOTS_PER_MM, NotRegistered, register
from pipelines.forms.synthesis.forms import synthesise_one
from pipelines.forms.synthesis.scanning import folded, stained
from pipelines.forms.template import Box, Register, Template
from tests.pipelines.forms.registration.papers import (
    DOTS,
    blank,
    farthest_off,
    moved,
    scanned,
    templates,
    turned,
    without_reference,
)

NAMES = ("survey", "invoice", "credit-note", "meter", "laboratory")
MARKED = ("survey", "laboratory")


def refusal(image: np.ndarray, template: Template) -> str:
    with pytest.raises(NotRegistered) as refused:
        register(image, template)
    assert isinstance(refused.value, DataError)
    return str(refused.value)


@pytest.mark.parametrize("seed", range(10))
def test_a_scan_is_aligned_within_half_a_millimetre(seed: int) -> None:
    random = np.random.default_rng(seed)
    name = NAMES[seed % len(NAMES)]
    image, matrix = moved(
        blank(name),
        degrees=random.uniform(-15, 15),
        scale=random.uniform(0.5, 1.0),
        shift=tuple(random.uniform(-10, 10, 2)),
        lean=tuple(random.uniform(-0.1, 0.1, 2)),
    )
    quarters = int(random.integers(4))
    image, matrix = turned(scanned(image, seed), matrix, quarters)
    straight = register(image, templates()[name])
    assert farthest_off(straight.matrix, matrix, templates()[name]) < 0.5
    assert straight.turned == 90 * quarters
    assert straight.residual_mm < 0.2


@pytest.mark.parametrize("dpi", [75, 300, 600])
def test_a_page_of_any_resolution_is_laid_out_in_one(dpi: int) -> None:
    template = templates()["meter"]
    image, matrix = moved(blank("meter", dpi), degrees=2, dots=dpi / 25.4)
    straight = register(scanned(image, blur=dpi / 250), template)
    assert straight.image.shape == (round(297 * DOTS_PER_MM), round(210 * DOTS_PER_MM))
    assert straight.image.dtype == np.uint8
    assert farthest_off(straight.matrix, matrix, template) < 0.5


@pytest.mark.parametrize("name", NAMES)
def test_the_straight_page_is_the_blank_page(name: str) -> None:
    image, _ = moved(blank(name), degrees=-4, shift=(3, -2))
    straight = register(image, templates()[name]).image
    wanted = cv2.resize(blank(name), straight.shape[::-1])
    both = [cv2.GaussianBlur(one, (0, 0), 3)[40:-40, 40:-40].ravel() for one in (straight, wanted)]
    assert np.corrcoef(both)[0, 1] > 0.95


@pytest.mark.parametrize("name", MARKED)
@pytest.mark.parametrize("quarters", range(4))
def test_corner_marks_alone_are_enough(name: str, quarters: int) -> None:
    template = without_reference(templates()[name])
    image, matrix = moved(blank(name), degrees=6, scale=0.8, shift=(4, -6))
    image, matrix = turned(scanned(image), matrix, quarters)
    straight = register(image, template)
    assert farthest_off(straight.matrix, matrix, template) < 1
    assert (straight.turned, straight.residual_mm < 1) == (90 * quarters, True)


def test_one_corner_mark_may_be_missing() -> None:
    template = without_reference(templates()["survey"])
    page = blank("survey").copy()
    page[: round(18 * DOTS), : round(18 * DOTS)] = 255
    image, matrix = moved(page, degrees=3)
    assert farthest_off(register(scanned(image), template).matrix, matrix, template) < 1


def test_specks_are_no_corner_marks() -> None:
    template, random = without_reference(templates()["survey"]), np.random.default_rng(1)
    page = blank("survey").copy()
    for x, y in random.uniform(10, 200, (60, 2)):
        cv2.circle(page, (round(x * DOTS), round(y * DOTS)), round(random.uniform(0.5, 3) * DOTS), 30, -1)
    image, matrix = moved(page, degrees=-3)
    assert farthest_off(register(scanned(image), template).matrix, matrix, template) < 1


@pytest.mark.parametrize("seed", range(3))
def test_a_fold_does_no_harm(seed: int) -> None:
    image, matrix = moved(blank("invoice"), degrees=2)
    image = folded(scanned(image), DOTS, np.random.default_rng(seed))
    straight = register(image, templates()["invoice"])
    assert farthest_off(straight.matrix, matrix, templates()["invoice"]) < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_coffee_does_no_harm(seed: int) -> None:
    image, matrix = moved(blank("meter"), degrees=2)
    image = stained(scanned(image), DOTS, np.random.default_rng(seed))
    straight = register(image, templates()["meter"])
    assert farthest_off(straight.matrix, matrix, templates()["meter"]) < 0.5


def test_a_torn_corner_is_a_gap_and_the_rest_is_there() -> None:
    template = templates()["credit-note"]
    page = blank("credit-note").copy()
    corner = np.array([[90, 279.4], [215.9, 279.4], [215.9, 180]])
    cv2.fillPoly(page, [np.round(corner * DOTS).astype(np.int32)], 255)
    image, matrix = moved(page, degrees=2)
    straight = register(scanned(image), template)
    assert farthest_off(straight.matrix, matrix, template) < 0.5
    assert not straight.shows(template.field_named("signature").box)
    for name in ("goods", "freight", "insurance", "total", "account"):
        assert straight.shows(template.field_named(name).box), name


def test_a_filled_scan_with_two_of_three_corner_marks_cut_off_is_found() -> None:
    scan = synthesise_one(119, 501, "hard")
    template = templates()[scan.template.name]
    straight = register(scan.image, template)
    assert farthest_off(straight.matrix, scan.matrix, template) < 0.5


def test_what_is_not_in_the_picture_is_a_gap() -> None:
    template = templates()["meter"]
    image, _ = moved(blank("meter"), shift=(-22, 0))
    straight = register(scanned(image), template)
    assert not straight.shows(Box(15, 60, 20, 10))
    assert straight.shows(template.field_named("meter1").box)


def test_all_of_a_whole_page_is_there() -> None:
    template = templates()["survey"]
    image, _ = moved(blank("survey"), degrees=1, scale=0.95)
    straight = register(scanned(image), template)
    assert all(straight.shows(field.box) for field in template.fields)
    assert straight.certainty > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_page_is_no_form(name: str) -> None:
    paper = scanned(np.full((1754, 1240), 240, np.uint8))
    assert refusal(paper, templates()[name]) == "the page is blank."
    speckled = paper.copy()
    speckled[::400, ::400] = 0
    assert refusal(speckled, templates()[name]) == "the page is blank."


@pytest.mark.parametrize("name", NAMES)
def test_another_form_is_refused(name: str) -> None:
    for other in NAMES:
        if other != name:
            image, _ = moved(blank(other), degrees=1)
            assert name in refusal(scanned(image), templates()[name])


@pytest.mark.parametrize("name", MARKED)
def test_another_form_is_refused_by_marks_alone(name: str) -> None:
    for other in NAMES:
        if other != name:
            refusal(scanned(moved(blank(other), degrees=1)[0]), without_reference(templates()[name]))


@pytest.mark.parametrize("half", ["upper", "lower"])
@pytest.mark.parametrize("name", NAMES)
def test_half_a_page_is_refused(name: str, half: str) -> None:
    page = blank(name).copy()
    middle = page.shape[0] // 2
    page[slice(middle, None) if half == "upper" else slice(None, middle)] = 255
    sentence = refusal(scanned(page), templates()[name])
    assert name in sentence


def test_too_blurred_a_page_says_so() -> None:
    image = scanned(blank("invoice"), blur=12, noise=1)
    assert refusal(image, templates()["invoice"]).startswith("the page is too blurred")


def test_noise_is_no_form() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (1754, 1240)).astype(np.uint8)
    for name in NAMES:
        refusal(noise, templates()[name])


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (60, 40)])
def test_a_scrap_is_no_form(shape: tuple[int, int]) -> None:
    scrap = np.random.default_rng(2).integers(0, 256, shape).astype(np.uint8)
    for name in MARKED:
        refusal(scrap, templates()[name])
        refusal(scrap, without_reference(templates()[name]))


def test_without_registration_the_page_fills_the_picture() -> None:
    template = Template("card", 100, 50, Register("none"), ())
    page = np.full((250, 500), 255, np.uint8)
    page[100:150, 200:300] = 0
    straight = register(page, template)
    assert straight.image.shape == (400, 800)
    assert straight.image[170:230, 330:470].max() < 10
    assert straight.image[:150].min() > 245
