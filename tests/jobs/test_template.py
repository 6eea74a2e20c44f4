"""The job as a person runs it: what it writes, its exit code, what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.forms.drafting.attempt_picture import FOUND, MISSING
from pipelines.forms.synthesis.designs import Design, invoice, survey
from pipelines.forms.synthesis.forms import write_blank_pages
from pipelines.forms.templates.loading import load_template, write_template
from tests.in_process import RunJob

Template = Callable[..., tuple[int, str, str]]


@pytest.fixture
def template(run_job: RunJob) -> Template:
    """Run the job and give its exit code, and what it said on stdout and on stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        ended = run_job("template.py", *arguments)
        return ended.returncode, ended.stdout, ended.stderr

    return call


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "blank.png"
    cv2.imwrite(str(path), invoice().blank_page(150))
    return path


def test_a_draft_is_a_template_with_its_pictures_and_lies_on_a_scan(
    template: Template, blank: Path, tmp_path: Path
) -> None:
    form, overlay = tmp_path / "invoice.yaml", tmp_path / "overlay.png"
    code, said, _ = template("draft", blank, "--out", form)
    assert code == 0
    assert "6 combs, 1 box, 2 squares to tick, on 215.9 x 279.4 mm" in said
    drafted = load_template(form)
    assert (drafted.name, len(drafted.fields), drafted.register.reference) == ("invoice", 9, tmp_path / "invoice.png")
    assert (tmp_path / "invoice.found.png").is_file()
    code, said, _ = template("check", form, blank, "--out", overlay)
    assert (code, overlay.is_file()) == (0, True)
    assert "9 fields of invoice on the scan" in said


def test_a_template_that_was_edited_is_not_written_over(template: Template, blank: Path, tmp_path: Path) -> None:
    form = tmp_path / "invoice.yaml"
    form.write_text("mine")
    assert template("draft", blank, "--out", form)[0] == 2
    assert form.read_text() == "mine"
    assert template("draft", blank, "--out", form, "--overwrite")[0] == 0


def test_a_blank_page_that_is_the_templates_picture_already_stays_as_it_is(
    template: Template, blank: Path, tmp_path: Path
) -> None:
    cv2.imwrite(str(blank), cv2.cvtColor(invoice().blank_page(150), cv2.COLOR_GRAY2BGR))
    before = blank.read_bytes()
    assert template("draft", blank, "--out", tmp_path / "blank.yaml")[0] == 0
    assert blank.read_bytes() == before
    assert load_template(tmp_path / "blank.yaml").register.reference == blank


@pytest.mark.parametrize("name", ["invoice.png", "invoice.found.png"])
def test_pictures_that_are_there_are_not_written_over(
    template: Template, blank: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"mine")
    assert template("draft", blank, "--out", tmp_path / "invoice.yaml")[0] == 2
    assert (tmp_path / name).read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--out", "form.txt"), 2, "must end in .yaml"),
        (("--out", "f.yaml", "--name", "a b"), 2, "'a b' is no name for a template"),
        (("--out", "f.yaml", "--page", 0), 2, "--page is 0; pages count from 1"),
        (("--out", "f.yaml", "--page", 2), 1, "there is no such page; the file has 1"),
        (("--out", "f.yaml", "--dpi", 7), 2, "--dpi is 7; it must be from 50 to 1200"),
        (("--out", "f.yaml", "--dpi", 150, "--size", "A5"), 2, "say one of them"),
        (("--out", "f.yaml", "--size", "A9"), 2, "'A9' is no size of a page; say a paper such as A5"),
    ],
)
def test_what_makes_no_sense_is_refused(
    template: Template, blank: Path, options: tuple[object, ...], code: int, message: str
) -> None:
    ended, _, said = template("draft", blank, *options)
    assert ended == code
    assert message in said


def test_a_picture_of_another_shape_is_a_page_of_the_size_that_is_said(
    template: Template, blank: Path, tmp_path: Path
) -> None:
    cut = cv2.imread(str(blank))[:, 60:]
    cv2.imwrite(str(blank), cut)
    code, _, said = template("draft", blank, "--out", tmp_path / "f.yaml")
    assert (code, "has the shape of neither A4 nor Letter; say its size: " in said) == (2, True)
    code, said, _ = template("draft", blank, "--out", tmp_path / "f.yaml", "--size", "205.7x279.4mm")
    assert (code, "on 205.7 x 279.4 mm" in said) == (0, True)


@pytest.mark.parametrize(("design", "found"), [(invoice, True), (survey, False)])
def test_a_scan_that_does_not_fit_is_drawn_with_what_was_found_and_what_was_not(
    template: Template, tmp_path: Path, design: Callable[[], Design], found: bool
) -> None:
    """Of a form known by its print the part that the scan shows is found; nothing of one known by marks it lacks."""
    [form] = [one for one in write_blank_pages(tmp_path) if one.name == design().template.name]
    write_template(form, tmp_path / "form.yaml")
    half = invoice().blank_page(150)
    half[half.shape[0] // 2 :] = 255
    cv2.imwrite(str(tmp_path / "scan.png"), half)
    code, _, said = template("check", tmp_path / "form.yaml", tmp_path / "scan.png", "--out", tmp_path / "o.png")
    assert code == 1
    assert said.startswith(f"error: {tmp_path}/scan.png: ")
    assert said.endswith(
        f"{tmp_path}/o.png shows the form and the scan, with what was found in green and what was not in red.\n"
    )
    drawn = cv2.imread(str(tmp_path / "o.png"))
    assert (drawn == FOUND).all(axis=2).any() == found
    assert (drawn == MISSING).all(axis=2).any()


def test_a_missing_page_and_a_page_without_fields_are_told(template: Template, tmp_path: Path) -> None:
    code, _, said = template("draft", tmp_path / "none.png", "--out", tmp_path / "f.yaml")
    assert (code, "none.png cannot be read: No such file" in said) == (2, True)
    cv2.imwrite(str(tmp_path / "white.png"), np.full((1100, 850), 255, np.uint8))
    code, _, said = template("draft", tmp_path / "white.png", "--out", tmp_path / "f.yaml")
    assert (code, "no comb, box or square was found" in said) == (1, True)
    assert not (tmp_path / "f.yaml").exists()
