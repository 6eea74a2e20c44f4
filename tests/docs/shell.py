"""Commands as they stand in a block of shell, each with its line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.papers import Block, Place

BETWEEN = re.compile(r"[|&;]+")
SETTING = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)
INNER = re.compile(r"\$\((.*)\)")


@dataclass(frozen=True)
class Command:
    place: Place
    words: tuple[str, ...]
    settings: tuple[str, ...] = ()
    """The variables that are set for it."""

    def __str__(self) -> str:
        return shlex.join(self.words)


def commands(block: Block) -> Iterator[Command]:
    """Every command of a block, and those whose output is a word of another."""
    for line, text in _lines(block.text):
        yield from split(text, Place(block.place.paper, block.place.line + line))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers from 0, those that a backslash continues as one."""
    begun, joined = 0, ""
    for number, line in enumerate(text.splitlines()):
        begun = begun if joined else number
        joined += line
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        yield begun, joined
        joined = ""


def split(text: str, place: Place) -> Iterator[Command]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not BETWEEN.fullmatch(word):
            words.append(word)
            continue
        if words:
            yield from _with_inner(words, place)
        words = []


def _with_inner(words: list[str], place: Place) -> Iterator[Command]:
    settings = []
    while words and (found := SETTING.fullmatch(words[0])):
        settings.append(found[1])
        words = words[1:]
    if words:
        yield Command(place, tuple(words), tuple(settings))
    for word in words:
        if found := INNER.fullmatch(word):
            yield from split(found[1], place)
