"""The papers of the project, and what stands in them: blocks of code, inline code, tables, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import REPO

FOLDERS = ("pipelines", "jobs", "serve_app", "cluster")
# What was once called otherwise stands in the changelog under its old name.
NOT_CHECKED = {"CHANGELOG.md"}


def papers() -> list[Path]:
    found = [*REPO.glob("*.md"), *(REPO / ".github").glob("*.md")]
    found += [paper for folder in FOLDERS for paper in (REPO / folder).rglob("*.md")]
    return sorted(paper for paper in found if paper.name not in NOT_CHECKED)


@dataclass(frozen=True)
class Place:
    paper: Path
    line: int
    """Of the first line of what stands there, from 1."""

    def __str__(self) -> str:
        return f"{self.paper.relative_to(REPO)}:{self.line}"


@dataclass(frozen=True)
class Block:
    place: Place
    language: str
    text: str


@dataclass(frozen=True)
class Code:
    """Inline code."""

    place: Place
    text: str


@dataclass(frozen=True)
class Link:
    place: Place
    target: str


@dataclass(frozen=True)
class Table:
    place: Place
    headings: tuple[str, ...]
    """The headings above it, the outermost first."""
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> list[str]:
        """The first code in each row."""
        return [codes(row[0])[0] for row in self.rows]


@cache
def tokens(paper: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(paper.read_text())


def blocks(*languages: str) -> list[Block]:
    return [block for paper in papers() for block in _blocks(paper) if block.language in languages]


def languages() -> dict[str, Place]:
    """Every language that a block is in, and the last place where it is."""
    return {block.language: block.place for paper in papers() for block in _blocks(paper)}


def _blocks(paper: Path) -> Iterator[Block]:
    for token in tokens(paper):
        if token.type in ("fence", "code_block"):
            assert token.map
            first = token.map[0] + (2 if token.type == "fence" else 1)
            yield Block(Place(paper, first), token.info.strip(), token.content)


def inline_codes() -> Iterator[Code]:
    yield from (
        Code(place, child.content)
        for paper in papers()
        for place, child in _children(paper)
        if child.type == "code_inline"
    )


def links() -> Iterator[Link]:
    for paper in papers():
        for place, child in _children(paper):
            if child.type in ("link_open", "image"):
                yield Link(place, str(child.attrs["href" if child.type == "link_open" else "src"]))


def _children(paper: Path) -> Iterator[tuple[Place, Token]]:
    """All that stands in running text, with the line of its paragraph or of its row in a table."""
    line = 1
    for token in tokens(paper):
        line = token.map[0] + 1 if token.map else line
        yield from ((Place(paper, line), child) for child in token.children or ())


def anchors(paper: Path) -> set[str]:
    """The anchors of a paper's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _titles(paper)}


def _titles(paper: Path) -> Iterator[str]:
    for token, following in pairwise(tokens(paper)):
        if token.type == "heading_open":
            yield "".join(child.content for child in following.children or ())


@cache
def tables(paper: str) -> list[Table]:
    """The tables of a paper, named by its path in the project."""
    return list(_tables(REPO / paper))


def _tables(paper: Path) -> Iterator[Table]:
    found, headings, rows, place = tokens(paper), list[str](), list[tuple[str, ...]](), Place(paper, 1)
    for at, token in enumerate(found):
        if token.type == "heading_open":
            headings = [*headings[: int(token.tag[1]) - 1], found[at + 1].content]
        elif token.type == "table_open":
            assert token.map
            place, rows = Place(paper, token.map[0] + 1), []
        elif token.type == "tr_open":
            rows.append(())
        elif token.type == "inline" and found[at - 1].type in ("td_open", "th_open"):
            rows[-1] += (token.content,)
        elif token.type == "table_close":
            yield Table(place, tuple(headings), rows[0], tuple(rows[1:]))


def table(paper: str, *head: str) -> Table:
    """The one table of a paper that begins with these columns."""
    [found] = [one for one in tables(paper) if one.head[: len(head)] == head]
    return found


def codes(cell: str) -> list[str]:
    """What stands in a cell as code."""
    return re.findall(r"`([^`]+)`", cell)
