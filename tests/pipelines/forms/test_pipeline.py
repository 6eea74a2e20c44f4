"""Pages read from their bytes: what stands in the fields, and in words what is wrong with those that cannot be read."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.documents.document import Document
from pipelines.documents.image_file import ImageDocument
from pipelines.evaluation.confidence_threshold import ACCEPT_NOTHING
from pipelines.forms import fields, pipeline
from pipelines.forms.fields import ModelOutputs, PreparedPage
from pipelines.forms.pipeline import prepare_page, read_document, read_pages
from pipelines.forms.results import EVERYTHING, Acceptance, PageResult
from pipelines.forms.synthesis.designs import meter, survey
from pipelines.forms.synthesis.forms import Scan, synthesise, write_blank_pages
from pipelines.forms.template import Box, Field, Register, Template
from pipelines.images.decoding import MAX_PIXELS
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.inference.recognizer import Recognizer
from pipelines.strings.ctc import Frames
from tests.lines import shipped

ACCEPT = Acceptance(0.9, 0.9)
SEED = 4
NOTHING = ModelOutputs(np.zeros((0, 11), np.float32), [])


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    return {one.name: one for one in write_blank_pages(tmp_path_factory.mktemp("blank"))}


@pytest.fixture(scope="module")
def reader() -> Iterator[Recognizer]:
    with Recognizer("builtin", "onnxruntime", threads=1) as reader:
        yield reader


@pytest.fixture(scope="module")
def filled() -> Scan:
    [scan] = synthesise(1, SEED, "easy", (meter(),))
    return scan


@pytest.fixture(scope="module")
def meter_card(templates: dict[str, Template]) -> list[Template]:
    return [templates["meter"]]


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def tiff(images: Sequence[np.ndarray]) -> bytes:
    content, pages = io.BytesIO(), [Image.fromarray(image) for image in images]
    pages[0].save(content, "TIFF", save_all=True, append_images=pages[1:])
    return content.getvalue()


def opened(content: bytes) -> Document:
    return ImageDocument(content, "scan.png", MAX_PIXELS)


def read(image: np.ndarray, templates: list[Template], reader: Recognizer) -> PageResult:
    [result] = read_document(opened(png(image)), "scan.png", templates, reader, shipped(), ACCEPT)
    return result


def values(result: PageResult) -> dict[str, str | None]:
    return {name: one.value for name, one in result.fields.items() if one.field.kind != "text_image"}


def wrong_but_ok(result: PageResult, answers: dict[str, str]) -> set[str]:
    """What nobody would look at, though it is not what was written."""
    ok = {name: one.value for name, one in result.fields.items() if one.status == "ok"}
    return {name for name, value in ok.items() if name in answers and value != answers[name]}


def pixels(filled: Scan, box: Box) -> tuple[slice, slice]:
    """Where a box of the page lies on the scan."""
    corners = np.array([[box.left, box.top, 1], [box.right, box.bottom, 1]]) @ filled.matrix.T
    (left, top), (right, bottom) = np.sort(corners[:, :2] / corners[:, 2:], axis=0).astype(int)
    return slice(top, bottom), slice(left, right)


def test_a_filled_form_is_read_as_it_was_filled(filled: Scan, meter_card: list[Template], reader: Recognizer) -> None:
    result = read(filled.image, meter_card, reader)
    assert result.reason is None and result.template == meter_card[0]
    found = values(result)
    right = [name for name, value in filled.answers.items() if found[name] == value]
    assert len(right) >= len(filled.answers) - 1
    assert not wrong_but_ok(result, filled.answers)
    assert cv2.imdecode(np.frombuffer(result.picture, np.uint8), cv2.IMREAD_GRAYSCALE).shape == (297 * 8, 210 * 8)


def test_every_cell_has_its_label_confidence_and_place(
    filled: Scan, meter_card: list[Template], reader: Recognizer
) -> None:
    field = read(filled.image, meter_card, reader).fields["contract"]
    assert "".join(cell.label for cell in field.cells) == filled.answers["contract"]
    assert all(0.5 < cell.confidence <= 1 for cell in field.cells)
    lefts = [cell.box.left for cell in field.cells]
    assert np.allclose(np.diff(lefts), field.field.box.width / 12, atol=0.6)


def test_a_form_that_lies_upside_down_is_read_as_if_it_did_not(
    filled: Scan, meter_card: list[Template], reader: Recognizer
) -> None:
    upright = read(filled.image, meter_card, reader)
    assert values(read(np.rot90(filled.image, 2), meter_card, reader)) == values(upright)


def test_each_page_of_a_document_is_matched_to_its_form(templates: dict[str, Template], reader: Recognizer) -> None:
    scans = list(synthesise(2, SEED, "easy", (meter(), survey())))
    white = np.full((1000, 700), 255, np.uint8)
    document = opened(tiff([scans[0].image, white, scans[1].image]))
    results = read_document(document, "scans.tif", [templates["survey"], templates["meter"]], reader, shipped(), ACCEPT)
    assert [one.page for one in results] == [1, 2, 3]
    assert [one.template and one.template.name for one in results] == ["meter", None, "survey"]
    assert [one.status == "error" for one in results] == [False, True, False]
    for result, scan in ((results[0], scans[0]), (results[2], scans[1])):
        assert not wrong_but_ok(result, scan.answers)


def test_pages_read_together_are_read_in_one_call_and_as_alone(
    filled: Scan, meter_card: list[Template], reader: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [
        prepare_page(opened(png(image)), "a.png", 0, meter_card) for image in (filled.image, filled.image[::-1, ::-1])
    ]
    alone = [values(read_pages([page], reader, shipped(), ACCEPT)[0]) for page in pages]
    calls: list[int] = []
    run = reader.read_prepared
    monkeypatch.setattr(reader, "read_prepared", lambda images: calls.append(len(images)) or run(images))
    lines: list[int] = []

    def counted(pictures: Sequence[np.ndarray]) -> list[Frames]:
        lines.append(len(pictures))
        return shipped()(pictures)

    assert [values(one) for one in read_pages(pages, reader, counted, ACCEPT)] == alone
    assert lines == [sum(field.line is not None for page in pages for field in page.fields)] and lines[0] > 1
    assert calls == [sum(len(field.digits) for page in pages for field in page.fields)]


def test_no_pages_are_no_results(reader: Recognizer) -> None:
    assert read_pages([], reader, shipped(), ACCEPT) == []


@pytest.mark.parametrize(
    ("what", "words"),
    [("white", "blank"), ("other", "form"), ("noise", ""), ("tiny", "")],
)
def test_what_is_not_the_form_is_refused_in_words(
    what: str, words: str, meter_card: list[Template], reader: Recognizer
) -> None:
    [other] = synthesise(1, SEED, "easy", (survey(),))
    image = {
        "white": np.full((2000, 1400), 250, np.uint8),
        "other": other.image,
        "noise": np.random.default_rng(0).integers(0, 255, (1200, 900), np.uint8),
        "tiny": np.full((3, 5), 200, np.uint8),
    }[what]
    result = read(image, meter_card, reader)
    assert (result.status, dict(result.fields), result.template) == ("error", {}, None)
    assert words in str(result.reason).lower() and len(str(result.reason)) > 8
    assert "scan.png" not in str(result.reason)


def test_half_a_page_is_not_read_as_if_it_were_whole(
    filled: Scan, meter_card: list[Template], reader: Recognizer
) -> None:
    result = read(filled.image[: len(filled.image) // 2], meter_card, reader)
    if result.reason is None:
        lost = [name for name, one in result.fields.items() if one.field.box.top > 160]
        assert lost and {result.fields[name].status for name in lost} == {"error"}
        assert {result.fields[name].reason for name in lost} == {fields.MISSING}
        assert not wrong_but_ok(result, filled.answers)


@pytest.mark.parametrize("shade", [0, 255])
def test_what_is_torn_off_is_missing_and_the_rest_is_read(
    shade: int, filled: Scan, meter_card: list[Template], reader: Recognizer
) -> None:
    torn = filled.image.copy()
    height, width = torn.shape
    corner = np.array([[width, height], [0, height], [0, int(height * 0.7)], [width, int(height * 0.76)]])
    cv2.fillPoly(torn, [corner], shade)
    result = read(torn, meter_card, reader)
    if result.reason is None:
        assert result.fields["tenant"].status == "error"
        assert result.fields["tenant"].value is None
        assert result.fields["meter1"].value == filled.answers["meter1"]
        assert not wrong_but_ok(result, filled.answers)


@pytest.mark.parametrize("shade", [0, 60])
def test_a_stain_over_a_field_is_not_read_as_digits(
    shade: int, filled: Scan, meter_card: list[Template], reader: Recognizer
) -> None:
    stained = filled.image.copy()
    field = meter_card[0].field_named("meter2")
    rows, columns = pixels(filled, field.box)
    middle = ((columns.start + columns.stop) // 2, (rows.start + rows.stop) // 2)
    cv2.ellipse(stained, middle, ((columns.stop - columns.start) // 3, rows.stop - rows.start), 0, 0, 360, shade, -1)
    result = read(stained, meter_card, reader)
    assert result.fields["meter2"].status != "ok"
    assert result.fields["meter2"].reason
    assert not wrong_but_ok(result, filled.answers)


def test_a_page_that_cannot_be_opened_says_why(filled: Scan, meter_card: list[Template]) -> None:
    page = prepare_page(opened(png(filled.image)[:-400]), "scan.png", 0, meter_card)
    assert (page.page, page.template, page.fields) == (1, None, ())
    assert page.reason and page.reason.code == "unreadable_file"
    assert page.reason.text.startswith("the image is damaged (")


def test_a_page_that_stumbles_over_a_fault_of_ours_ends_nothing(
    filled: Scan, meter_card: list[Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: Any) -> None:
        raise IndexError("index 7 is out of bounds\nand more")

    monkeypatch.setattr(fields, "cut_cells", stumble)
    page = prepare_page(opened(png(filled.image)), "a.png", 0, meter_card)
    text = "it could not be worked on: IndexError: index 7 is out of bounds"
    assert page.reason == Reason(ReasonCode.UNEXPECTED_FAILURE, text)


def test_the_page_goes_to_another_process_as_it_is(filled: Scan, meter_card: list[Template]) -> None:
    import pickle

    page = prepare_page(opened(png(filled.image)), "a.png", 0, meter_card)
    again = pickle.loads(pickle.dumps(page))
    assert [len(one.digits) for one in again.fields] == [len(one.digits) for one in page.fields]
    assert len(pickle.dumps(page)) < 3_000_000


def test_a_blank_comb_is_blank_and_no_digit(tmp_path: Path, templates: dict[str, Template], reader: Recognizer) -> None:
    result = read(meter().blank_page(200), [templates["meter"]], reader)
    assert {result.fields[name].value for name in ("meter1", "meter4", "area")} == {""}
    assert result.fields["tenant"].value == "0"
    assert (result.fields["contract"].value, result.fields["contract"].status) == ("", "review")


def test_a_fold_through_fields_sends_them_to_a_person_and_the_others_not(
    filled: Scan, meter_card: list[Template], reader: Recognizer
) -> None:
    rows, _ = pixels(filled, meter_card[0].field_named("meter2").box)
    folded = filled.image.astype(float)
    folded[(rows.start + rows.stop) // 2 :] *= 0.75
    folded[(rows.start + rows.stop) // 2 :][:3] *= 0.6
    result = read(folded.astype(np.uint8), meter_card, reader)
    assert result.fields["meter2"].status == "review"
    assert "such as a fold, a stain or a stroke" in str(result.fields["meter2"].reason)
    plain = read(filled.image, meter_card, reader)
    assert result.fields["contract"].value == plain.fields["contract"].value
    assert result.fields["contract"].status == plain.fields["contract"].status
    assert not wrong_but_ok(result, filled.answers)


def test_a_mark_that_is_not_clear_says_so() -> None:
    field = Field("agreed", "mark", Box(0, 0, 5, 5))
    unclear = fields.MarkField(field, True, 0.6).read(NOTHING, [], ACCEPT)
    assert (unclear.value, unclear.status, unclear.reason) == ("1", "review", fields.UNCLEAR)
    doubted = fields.MarkField(field, False, 0.99, doubt=fields.ALONE).read(NOTHING, [], ACCEPT)
    assert (doubted.value, doubted.status, doubted.reason) == ("0", "review", fields.ALONE)


def test_a_digit_seen_in_two_ways_is_sure_only_if_both_are_read_alike() -> None:
    classes = [*"0123456789", "none"]
    comb = fields.CombField(
        Field("n", "digits", Box(0, 0, 12, 7), 2), (Box(0, 0, 6, 7), Box(6, 0, 6, 7)), (2, 1), (False, False)
    )
    said = np.full((3, 11), 1e-4, np.float32)
    for row, label in enumerate((7, 7, 3)):
        said[row, label] = 0.999
    first = comb.read(ModelOutputs(said, []), classes, ACCEPT)
    assert (first.value, first.status) == ("73", "ok")
    said[1] = np.roll(said[1], -5)
    assert comb.read(ModelOutputs(said, []), classes, ACCEPT).status == "review"


def test_a_field_is_as_sure_as_the_model_that_reads_it_says(
    filled: Scan, meter_card: list[Template], reader: Recognizer
) -> None:
    def unsure(accept: Acceptance) -> set[str]:
        [result] = read_document(opened(png(filled.image)), "scan.png", meter_card, reader, shipped(), accept)
        return {one.field.kind for one in result.fields.values() if one.status == "review"}

    assert unsure(EVERYTHING) == set()
    assert unsure(Acceptance(digits=0.0, lines=ACCEPT_NOTHING)) == {"number"}
    assert unsure(Acceptance(digits=ACCEPT_NOTHING, lines=0.0)) == {"digits", "mark"}


def test_a_page_that_cannot_be_concluded_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    template = Template("form", 210, 297, Register("none"), ())
    pages = [PreparedPage("a.png", 1, template), PreparedPage("b.png", 1)]
    monkeypatch.setattr(pipeline, "apply_rules", None)
    with Recognizer("builtin", "onnxruntime", "fp32", 1) as reader:
        odd, other = read_pages(pages, reader, shipped(), ACCEPT)
    assert (odd.source, other.source) == ("a.png", "b.png")
    assert odd.reason is not None and odd.reason.text.startswith("it could not be worked on: TypeError")
