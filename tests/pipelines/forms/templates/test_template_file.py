"""Template files: what they say, what is refused with file and line, and that what is written is read again."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import DataError, InkrayError, UsageError
from pipelines.forms.template import Box, Corner, Field, Register, Template
from pipelines.forms.templates.loading import load_template, load_templates, write_template

WHOLE = """\
name: invoice
size: [200, 280.5]
form: tax
page: 1
pages: 2
register:
  by: reference
  reference: blank.png
fields:
  - name: student
    kind: digits
    box: [20, 40, 63.5, 8]
    cells: 9
    checksum: luhn
    allowed: students.csv
    blank: no
    fill: x
  - {name: day, kind: digits, box: [20, 60, 14, 8], cells: [[20, 60, 6, 8], [28, 60, 6, 8]], pattern: 07, max: 31}
  - {name: total, kind: number, box: [20, 80, 40, 8], length: 2-6, min: 7, allowed: [007, 0010]}
  - {name: month, kind: number, box: [20, 80, 40, 8], length: 2}
  - {name: paid, kind: mark, box: [20, 90, 5, 5]}
  - {name: remarks, kind: text_image, box: [20, 100, 100, 50]}
rules:
  - total >= day * 2
  - total != 13
"""

Load = Callable[[str], Template]
Refusal = Callable[[str], str]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The template that the text says, from a file with its companions beside it."""
    (tmp_path / "blank.png").write_bytes(b"a picture")
    (tmp_path / "students.csv").write_text("number;name\n000000018;Ada\n000000026;Max\n\n")

    def load_text(text: str) -> Template:
        file = tmp_path / "form.yaml"
        file.write_text(textwrap.dedent(text))
        return load_template(file)

    return load_text


@pytest.fixture
def refusal(load: Load, tmp_path: Path) -> Refusal:
    """What a template is refused with, without its folder."""

    def refused(text: str) -> str:
        with pytest.raises(UsageError) as told:
            load(text)
        return str(told.value).replace(f"{tmp_path}/", "")

    return refused


def one_field(*lines: str) -> str:
    """A template whose field begins in line 4."""
    head = ["name: form", "size: A4", "fields:", "  - name: total"]
    return "\n".join([*head, *(f"    {line}" for line in lines)]) + "\n"


def comb(*lines: str) -> str:
    """What is given begins in line 8."""
    return one_field("kind: digits", "box: [10, 10, 40, 8]", "cells: 4", *lines)


# What is read


def test_everything_that_can_be_said(load: Load, tmp_path: Path) -> None:
    form = load(WHOLE)
    assert (form.name, form.width, form.height, form.form, form.page, form.pages) == (
        "invoice",
        200,
        280.5,
        "tax",
        1,
        2,
    )
    assert form.register == Register("reference", tmp_path / "blank.png")
    assert form.rules == ("total >= day * 2", "total != 13")
    assert form.fields == (
        Field(
            *("student", "digits", Box(20, 40, 63.5, 8)),
            cells=9,
            checksum="luhn",
            allowed=frozenset({"000000018", "000000026"}),
            blank=False,
            fill="x",
        ),
        Field(
            *("day", "digits", Box(20, 60, 14, 8)),
            cells=2,
            cell_boxes=(Box(20, 60, 6, 8), Box(28, 60, 6, 8)),
            pattern="07",
            max=31,
        ),
        Field("total", "number", Box(20, 80, 40, 8), length=(2, 6), min=7, allowed=frozenset({"007", "0010"})),
        Field("month", "number", Box(20, 80, 40, 8), length=(2, 2)),
        Field("paid", "mark", Box(20, 90, 5, 5)),
        Field("remarks", "text_image", Box(20, 100, 100, 50)),
    )


@pytest.mark.parametrize(
    ("size", "expected"), [("A4", (210, 297)), ("Letter", (215.9, 279.4)), ("[100, 50]", (100, 50))]
)
def test_sizes_of_pages(load: Load, size: str, expected: tuple[float, float]) -> None:
    form = load(f"name: f\nsize: {size}\nfields:\n- {{name: a, kind: mark, box: [1, 1, 5, 5]}}\n")
    assert (form.width, form.height) == expected
    assert (form.register, form.page, form.pages, form.form) == (Register("none"), 1, 1, None)


def test_ways_to_register(load: Load, tmp_path: Path) -> None:
    fields = "fields:\n- {name: a, kind: mark, box: [1, 1, 5, 5]}\n"
    corners = "{by: corners, corners: [[10, 10, 6], [200, 10, 6], [10, 280, 6]]}"
    code = "{by: qr, code: 42, code_box: [10, 10, 20, 20], reference: blank.png}"
    assert load(f"name: f\nsize: A4\nregister: {corners}\n{fields}").register.corners[1] == Corner(200, 10, 6)
    assert load(f"name: f\nsize: A4\nregister: {code}\n{fields}").register == Register(
        "qr", tmp_path / "blank.png", code="42", code_box=Box(10, 10, 20, 20)
    )


# What is refused


def test_a_fault_is_told_with_file_line_field_and_what_is_known(refusal: Refusal) -> None:
    assert refusal(comb("checksum: luhm")) == (
        "form.yaml, line 8: field 'total': checksum 'luhm' is not known; "
        "known: isbn, luhn, mod11, mod97, verhoeff. Did you mean 'luhn'?"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (comb("paterns: 1"), "line 8: field 'total': 'paterns' is not known here; known: name, kind, box, cells"),
        (comb("paterns: 1"), "Did you mean 'pattern'?"),
        (comb("fill: o"), "line 8: field 'total': fill 'o' is not known; known: x, -."),
        (comb("min: -1"), "line 8: field 'total': min -1 is not a whole number."),
        (comb("max: many"), "line 8: field 'total': max 'many' is not a whole number."),
        (comb("blank: maybe"), "line 8: field 'total': blank 'maybe' is not true or false."),
        (comb("length: 6-2"), "line 8: field 'total': length 6-2 runs backwards."),
        (comb("length: 6"), "line 8: field 'total': length 6 is more than the 4 cells."),
        (
            comb("length: two"),
            "length 'two' is not a number of digits such as 3, or the fewest and the most such as 2-6.",
        ),
        (comb("min: 8", "max: 7"), "line 8: field 'total': min 8 is more than max 7."),
        (comb("pattern: (1"), "line 8: field 'total': pattern '(1', character 3: a bracket is not closed;"),
        (comb(r"pattern: \d{5}"), r"line 8: field 'total': no value of 1 to 4 digits satisfies pattern '\d{5}'."),
        (comb("pattern: a+"), "no value of 1 to 4 digits satisfies pattern 'a+'."),
        (comb("checksum: isbn"), "no value of 1 to 4 digits satisfies checksum 'isbn'."),
        (comb("min: 70000"), "no value of 1 to 4 digits satisfies min '70000'."),
        (comb("max: 5", "pattern: '[6-9]+'"), "no value of 1 to 4 digits satisfies pattern and max."),
        (comb("allowed: [12345]"), "no value of 1 to 4 digits satisfies allowed."),
        (comb("allowed: [12a]"), "allowed ['12a'] is not a list of values (digits only), or the path of a CSV"),
        (
            comb("allowed: gone.csv"),
            "line 8: field 'total': allowed: there is no file gone.csv; the path is taken from",
        ),
        (comb("min: 1", "min: 2"), "line 9: 'min' stands here for the second time, first in line 8; keep one."),
        (one_field("kind: digits", "box: [10, 10, 40, 8]"), "line 4: field 'total': cells is missing;"),
        (
            one_field("kind: mark", "box: [10, 10, 40, 8]", "cells: 3"),
            "line 7: field 'total': cells is for the kind digits",
        ),
        (
            one_field("kind: mark", "box: [200, 10, 40, 8]"),
            "line 6: field 'total': [200, 10, 40, 8] does not lie on the page",
        ),
        (
            one_field("kind: mark", "box: [-1, 10, 40, 8]"),
            "line 6: field 'total': [-1, 10, 40, 8] does not lie on the page",
        ),
        (one_field("kind: mark", "box: [1, 10, 40]"), "box [1, 10, 40] is not four numbers in mm"),
        (one_field("kind: mark", "box: [1, 10, 40, 0]"), "box [1, 10, 40, 0] is not four numbers in mm"),
        (one_field("kind: mark", "box: [1, 10, 40, .inf]"), "line 6: '.inf' is no number to measure by."),
        (one_field("kind: mark"), "line 4: field 'total': 'box' is missing; it is four numbers in mm"),
        (one_field("box: [1, 10, 40, 5]"), "line 4: field 'total': 'kind' is missing; it is digits or number or mark"),
        (
            comb("cells: [[10, 10, 5, 5], [1, 2]]").replace("    cells: 4\n", ""),
            "cells [[10, 10, 5, 5], [1, 2]] is not the number of cells",
        ),
        (comb("cells: 0").replace("    cells: 4\n", ""), "cells 0 is not the number of cells (1 to 50)"),
        (
            comb() + "rules: [totl == 3]",
            "line 8: rule 'totl == 3': there is no field 'totl'; known: total. Did you mean",
        ),
        (comb() + "rules:\n- total = 3", "line 9: rule 'total = 3': a comparison such as == is missing at '= 3'"),
        (comb() + "rules: total == 3", "line 8: rules 'total == 3' is not a list of rules"),
        (comb() + "page: 3\npages: 2", "line 8: page 3 is more than the 2 pages."),
        (comb() + "register: {by: corners}", "line 8: register by corners needs 'corners', which is missing."),
        (comb() + "register: {by: reference, reference: gone.png}", "line 8: there is no picture"),
        (comb() + "register:\n\n  code: x", "line 8: 'by' is missing; it is reference or corners or qr or none."),
        (comb() + "register: {by: qr}", "register by qr needs 'code', which is missing."),
        (comb() + "register: {by: qr, code: x}", "register by qr needs 'code_box', which is missing."),
        (comb() + "register: {by: qr, code: x}", "register by qr needs 'reference', which is missing."),
        (comb() + "register: {by: corners, corners: [[1, 1, 9], [9, 9, 9], [300, 9, 9]]}", "does not lie on the page"),
        (comb().replace("A4", "A5"), "line 2: size 'A5' is not A4, Letter, or width and height in mm"),
        (comb().replace("name: form", "name: ../form"), "line 1: name '../form' is not a name of letters"),
        (comb().replace("total", "a b"), "line 4: field 'a b': name 'a b' is not a name of letters, digits and '_'"),
        ("name: form\nsize: A4\nfields: 3\n", "line 3: fields 3 is not a list of fields"),
        ("name: form\nsize: A4\nfields: [3]\n", "line 3: field 1: fields 1 3 is not a field"),
        ("name: form\nsize: A4\n", "line 1: 'fields' is missing; it is a list of fields"),
        ("", "line 1: nothing is not keys and values"),
        ("- 1\n", "line 1: [1] is not keys and values"),
        (comb("pattern: [6-9]+"), "put quotes around text with signs such as [ ] : # -"),
        (comb("pattern: [6-9]"), "pattern ['6-9'] is not a regular expression in quotes"),
        ("name: [1\n", "line 2: this is no YAML"),
        ("a: 1\n---\nb: 2\n", "line 2: this is no YAML"),
        ("name: &n form\nform: *n\n", "anchors and aliases (& and *) are not used here"),
        ("name: form\npage: !!python/object:os.system 1\n", "line 2: '1' cannot be read as what it seems"),
        ("[" * 600, "is nested too deeply to be a template."),
    ],
)
def test_what_is_wrong_is_told_with_its_line(refusal: Refusal, text: str, told: str) -> None:
    assert told in refusal(text)


def test_all_faults_are_told_at_once_in_order(refusal: Refusal) -> None:
    text = (
        comb("checksum: luhm", "length: 7")
        + "  - {name: total, kind: mark, box: [300, 1, 1, 1]}\nrules: [a == 1]\ncolour: red\n"
    )
    lines = refusal(text).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"form.yaml, line {number}" for number in (8, 10, 10, 11, 12)]


def test_a_second_field_of_one_name_is_told_with_the_first(refusal: Refusal) -> None:
    told = refusal(comb() + "  - {name: total, kind: mark, box: [1, 1, 1, 1]}\n")
    assert told == "form.yaml, line 8: field 'total': a field of this name stands in line 4 already; name it otherwise."


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "picture.yaml").write_bytes(b"\x89PNG\xff\xfe")
    for name, told in (("gone.yaml", "There is no file"), ("picture.yaml", "not text in UTF-8"), (".", "Cannot read")):
        with pytest.raises((UsageError, DataError)) as refused:
            load_template(tmp_path / name)
        assert told in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "told"), [("1\n2\nx3\n", "line 3: 'x3' is not a value of digits"), ("number\n", "no values")]
)
def test_a_list_of_values_that_is_none(tmp_path: Path, refusal: Refusal, rows: str, told: str) -> None:
    (tmp_path / "codes.csv").write_text(rows)
    assert told in refusal(comb("allowed: codes.csv"))


def test_several_templates_have_each_its_own_name_and_page(tmp_path: Path) -> None:
    page = "form: tax\nsize: A4\nfields: [{name: a, kind: mark, box: [1, 1, 5, 5]}]\n"
    for name, head in {"one": "page: 1\n", "two": "page: 2\npages: 2\n", "again": "page: 2\npages: 2\n"}.items():
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\n{head}{page}")
    assert [one.name for one in load_templates([tmp_path / "one.yaml", tmp_path / "two.yaml"])] == ["one", "two"]
    for second, told in (("one", "both have the name 'one'"), ("two", "both have page 2 of the form 'tax'")):
        with pytest.raises(UsageError, match=told):
            load_templates([tmp_path / f"{name}.yaml" for name in ("one" if second == "one" else "again", second)])


@settings(deadline=None, max_examples=60)
@given(st.text(st.sampled_from("-:[]{}&*!#|>%@`'\", \n09aé\t~?"), max_size=60))
def test_no_text_whatever_ends_in_anything_but_words(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("text") / "form.yaml"
    file.write_text("name: f\nsize: A4\nfields:\n" + text, newline="")
    with pytest.raises(InkrayError):
        load_template(file)


# What is written


def test_what_is_written_is_read_again(load: Load, tmp_path: Path) -> None:
    form = load(WHOLE)
    write_template(form, tmp_path / "again.yaml")
    assert load_template(tmp_path / "again.yaml") == form


def test_a_written_template_is_short_and_says_what_one_may_add(tmp_path: Path) -> None:
    combs = tuple(Field(f"field_{n}", "digits", Box(20, 20.123456 * n, 63, 8), cells=9) for n in (1, 2))
    write_template(Template("exam", 210, 297, Register("none"), combs), tmp_path / "exam.yaml")
    written = (tmp_path / "exam.yaml").read_text()
    assert "may also have: length, pattern" in written
    assert written.partition("'rules:'.\n")[2] == (
        "name: exam\nsize: A4\nregister: {by: none}\n\nfields:\n\n"
        "  - name: field_1\n    kind: digits\n    box: [20, 20.12, 63, 8]\n    cells: 9\n\n"
        "  - name: field_2\n    kind: digits\n    box: [20, 40.25, 63, 8]\n    cells: 9\n"
    )


def test_paths_are_written_from_the_folder_of_the_template(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "blank.png").write_bytes(b"a picture")
    many = frozenset(f"{number:05d}" for number in range(1000))
    field = Field("code", "digits", Box(1, 1, 50, 8), cells=5, allowed=many)
    register = Register("reference", tmp_path / "pictures" / "blank.png")
    (tmp_path / "forms").mkdir()
    file = tmp_path / "forms" / "form.yaml"
    write_template(Template("f", 100, 100, register, (field,)), file)
    assert "reference: ../pictures/blank.png" in file.read_text() and "allowed: code.csv" in file.read_text()
    again = load_template(file)
    assert (
        again.fields == (field,)
        and again.register.reference is not None
        and again.register.reference.samefile(register.reference or "")
    )


FIELD = "size: A4\nfields:\n  - {{name: a, kind: digits, box: [1, 1, 50, 5], cells: 4, {0}}}\n"


@pytest.mark.parametrize(
    ("written", "least"), [("min: 01000", 1000), ("min: 010", 10), ("min: 0", 0), ("min: 12.0", 12)]
)
def test_numbers_are_what_they_look_like(load: Load, written: str, least: int) -> None:
    """YAML would take 01000 for octal."""
    assert load("name: x\n" + FIELD.format(written)).fields[0].min == least


@pytest.mark.parametrize("written", ["min: 1:30", "min: 0x10", "min: 0b1", "max: 1_000", "min: 3.5"])
def test_what_only_yaml_takes_for_a_number_is_refused(refusal: Refusal, written: str) -> None:
    assert refusal("name: x\n" + FIELD.format(written)).startswith("form.yaml, line 4: ")


def test_counts_may_have_a_point(load: Load) -> None:
    text = "name: x\nsize: A4\nfields:\n  - {name: a, kind: number, box: [1, 1, 50, 5], length: 3.0}\n"
    assert load(text).fields[0].length == (3, 3)


@pytest.mark.parametrize("line", ["page: 2", "pages: 2", "page: 1\npages: 2"])
def test_pages_without_a_form_that_they_belong_to_are_refused(refusal: Refusal, line: str) -> None:
    told = refusal(f"name: x\nsize: A4\nfields:\n  - {{name: a, kind: mark, box: [1, 1, 5, 5]}}\n{line}\n")
    assert "which pages belong together? Give the templates of all of them one 'form'." in told


def test_every_page_of_a_form_knows_how_many_there_are(tmp_path: Path) -> None:
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    for number, file in enumerate(files, 1):
        field = "{name: a, kind: mark, box: [1, 1, 5, 5]}"
        file.write_text(f"name: p{number}\nform: tax\npage: {number}\nsize: A4\nfields: [{field}]\n")
    assert [one.pages for one in load_templates(files)] == [2, 2]
