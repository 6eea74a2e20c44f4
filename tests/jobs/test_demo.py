"""The first thing a newcomer runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.demo import begin, name_fields, overlap
from pipelines.errors import UsageError
from pipelines.forms.template import Box, Field, Register, Template
from tests.processes import new_home


def test_the_demo_fills_drafts_reads_and_compares(repo: Path, tmp_path: Path) -> None:
    with new_home(tmp_path / "home") as home:
        done = home.run(repo / "jobs" / "demo.py", "--scans", 3)
        # Of a job with a Ray of its own, nothing is left but what it was asked for.
        assert list(home.scratch.iterdir()) == []
    assert done.process.returncode == 0, done.err
    told = re.search(r"(\d+) of (\d+) fields are as .* written; (\d+) have the status ok, and (\d+) of", done.out)
    assert told, done.out
    right, fields, ok, ok_right = map(int, told.groups())
    assert fields == 24 and right >= 22 and ok == ok_right >= 12
    assert [made.name for made in (home.folder / "ink").iterdir()] == ["demo"]
    labels = home.folder / "ink" / "demo" / "labels"
    assert (labels / "report.html").stat().st_size > 3_000
    assert len(list((labels / "overlay").glob("*.jpg"))) == 3
    assert (labels / "wide.csv").read_text().startswith("source,page,template,status,reason,account,date,goods,")


def box_at(left: float, width: float = 10) -> Box:
    return Box(left, 0, width, 10)


def test_a_drafted_field_gets_the_name_and_rules_of_what_lies_there() -> None:
    drafted = Template(
        *("form", 100, 100, Register("none")),
        (Field("comb1", "digits", box_at(0.4), cells=3), Field("box1", "number", box_at(60))),
    )
    known = Template(
        *("form", 100, 100, Register("none")),
        (Field("account", "digits", box_at(0), cells=4, checksum="luhn"), Field("lost", "number", box_at(30))),
        ("account == lost",),
    )
    named = name_fields(drafted, known)
    assert named.fields == (Field("account", "digits", box_at(0.4), cells=3, checksum="luhn"),)
    assert named.rules == ("account == lost",)


def test_boxes_overlap_by_what_they_share() -> None:
    assert overlap(box_at(0), box_at(0)) == 1
    assert overlap(box_at(0), box_at(5)) == 1 / 3
    assert overlap(box_at(0), box_at(10)) == 0


def test_only_its_own_folder_is_emptied(tmp_path: Path) -> None:
    begin(tmp_path / "demo")
    (tmp_path / "demo" / "scans").mkdir()
    begin(tmp_path / "demo")
    assert not (tmp_path / "demo" / "scans").exists()
    thesis = tmp_path / "other" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.touch()
    with pytest.raises(UsageError, match="was not made by the demo"):
        begin(thesis.parent)
    assert thesis.exists()
