"""Forms read in a call, as a program does: files, bytes, and what is said of those that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.errors import DataError, InkrayError, UsageError
from pipelines.forms.reader import FormReader
from pipelines.forms.synthesis.designs import meter, survey
from pipelines.forms.synthesis.forms import Scan, synthesise, write_blank_pages
from pipelines.forms.templates.loading import write_template
from tests.pipelines.documents.workers import workers


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("templates")
    files = {}
    for template in write_blank_pages(folder):
        files[template.name] = folder / f"{template.name}.yaml"
        write_template(template, files[template.name])
    return files


@pytest.fixture(scope="module")
def filled() -> list[Scan]:
    return list(synthesise(2, 4, "easy", (meter(), survey())))


@pytest.fixture(scope="module")
def reader(templates: dict[str, Path]) -> Iterator[FormReader]:
    with FormReader(templates["meter"], templates["survey"], threads=1) as reader:
        yield reader


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def test_a_scan_is_read_by_the_template_that_fits_it(reader: FormReader, filled: list[Scan], tmp_path: Path) -> None:
    for scan in filled:
        (tmp_path / "scan.png").write_bytes(png(scan.image))
        [page] = reader.read(tmp_path / "scan.png")
        assert (page.source, page.page, page.reason) == (str(tmp_path / "scan.png"), 1, None)
        assert page.template is not None and page.template.name == scan.template.name
        right = [name for name, value in scan.answers.items() if page.fields[name].value == value]
        assert len(right) >= len(scan.answers) - 1
        assert {field.status for field in page.fields.values()} <= {"ok", "review"}


def test_bytes_are_read_as_the_file_is(reader: FormReader, filled: list[Scan], tmp_path: Path) -> None:
    content = png(filled[0].image)
    (tmp_path / "scan.png").write_bytes(content)
    [of_file], [of_bytes] = reader.read(str(tmp_path / "scan.png")), reader.read(content, "scan")
    assert of_bytes.source == "scan"
    values = [{name: field.value for name, field in page.fields.items()} for page in (of_file, of_bytes)]
    assert values[0] == values[1]


def test_what_is_ok_is_decided_by_the_models_or_by_whoever_asks(
    reader: FormReader, templates: dict[str, Path], filled: list[Scan]
) -> None:
    with FormReader(templates["meter"], accept_above=1.0, threads=1) as strict:
        [page] = strict.read(png(filled[0].image))
    assert {field.status for field in page.fields.values() if field.candidates} == {"review"}
    [page] = reader.read(png(filled[0].image))
    assert "ok" in {field.status for field in page.fields.values()}


def test_a_page_that_is_no_such_form_says_why(reader: FormReader) -> None:
    [page] = reader.read(png(np.full((1600, 1200), 255, np.uint8)))
    assert (page.status, page.fields) == ("error", {})
    assert page.reason is not None and page.reason.code == "blank_page"


def test_what_cannot_be_opened_is_an_error(reader: FormReader, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png cannot be read: No such file or directory\.$"):
        reader.read(tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"^letter\.pdf: "):
        reader.read(b"%PDF-1.7 and nothing else", "letter.pdf")


def test_it_needs_a_template(templates: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="name the YAML file of at least one"):
        FormReader()
    with pytest.raises(UsageError, match="both have the name"):
        FormReader(templates["meter"], templates["meter"])


def test_a_closed_reader_has_left_no_process(templates: dict[str, Path], filled: list[Scan]) -> None:
    before = workers()
    reader = FormReader(templates["meter"], threads=1)
    reader.read(png(filled[0].image))
    assert len(workers()) == len(before) + 1
    reader.close()
    assert workers() == before
    with pytest.raises(InkrayError, match="is closed"):
        reader.read(png(filled[0].image))
