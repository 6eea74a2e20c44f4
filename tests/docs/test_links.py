"""Links lead somewhere, and so do paths that stand in a sentence; the README can be read in five minutes."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.conftest import REPO
from tests.docs.papers import Code, Link, anchors, inline_codes, links

PATH = re.compile(r"(pipelines|jobs|serve_app|cluster|tests|\.github|\.ci)/[\w./-]*\w")
MOST_WORDS = 1200


@pytest.mark.parametrize("link", list(links()), ids=lambda link: f"{link.place} {link.target}")
def test_a_link_leads_somewhere(link: Link) -> None:
    if link.target.startswith("https://"):
        return
    file, _, anchor = link.target.partition("#")
    there = (link.place.paper.parent / file).resolve() if file else link.place.paper
    assert there.exists(), f"{link.place}: there is no {file}"
    assert not anchor or anchor in anchors(there), f"{link.place}: {file} has no heading #{anchor}"


@pytest.mark.parametrize(
    "code", [one for one in inline_codes() if PATH.fullmatch(one.text)], ids=lambda code: f"{code.place} {code.text}"
)
def test_a_path_in_a_sentence_exists(code: Code) -> None:
    assert (REPO / code.text).exists(), f"{code.place}: there is no {code.text}"


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((REPO / "README.md").read_text().split()) < MOST_WORDS


def test_every_make_target_has_its_line_of_help() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=REPO, capture_output=True, text=True, check=True
    )
    helped = [line.split()[1] for line in done.stdout.splitlines()]
    phony = re.search(r"^\.PHONY: (.+)$", (REPO / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert sorted(helped) == sorted(phony[1].split())
