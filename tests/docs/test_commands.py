"""Every command in every paper would be accepted by its program."""

from __future__ import annotations

import re

import pytest

from serve_app import settings
from tests.conftest import REPO
from tests.docs.options import all_helps
from tests.docs.papers import Place, blocks, inline_codes, papers
from tests.docs.programs import Refused, check
from tests.docs.shell import Command, commands, split

SHELL = ("sh", "")
"""A block that says nothing of its language holds commands; output says `text`."""
OURS = re.compile(r"(inkray |make |python jobs/|ray job |serve deploy )\S")
# Sent to a real server in `test_server_examples.py`.
COMMANDS = [one for block in blocks(*SHELL) for one in commands(block) if one.words[0] != "curl"]
INLINE = [
    one
    for code in inline_codes()
    if OURS.match(code.text) and "..." not in code.text
    for one in split(code.text, code.place)
]
HELP = Place(REPO / "jobs", 1)
VARIABLE = re.compile(r"INKRAY_[A-Z_]*[A-Z]")


def described(command: Command) -> str:
    return f"{command.place} {command}"


@pytest.mark.parametrize("command", COMMANDS, ids=described)
def test_a_command_is_accepted_by_its_program(command: Command) -> None:
    try:
        check(command.words)
    except Refused as refused:
        pytest.fail(f"{command.place}: {command}\n{refused}", pytrace=False)


@pytest.mark.parametrize("command", INLINE, ids=described)
def test_a_command_within_a_sentence_exists(command: Command) -> None:
    """A sentence may name a command without all that it needs; then it is only asked for its help."""
    try:
        check(command.words if any(word.startswith("-") for word in command.words) else (*command.words, "--help"))
    except Refused as refused:
        pytest.fail(f"{command.place}: {command}\n{refused}", pytrace=False)


@pytest.mark.parametrize(("command", "text"), all_helps().items())
def test_the_examples_in_a_help_are_accepted(command: str, text: str) -> None:
    for example in re.findall(r"^ *((?:inkray|ray job) .+)$", text, re.MULTILINE):
        for one in split(example, HELP):
            try:
                check(one.words)
            except Refused as refused:
                pytest.fail(f"the help of {command} has: {example}\n{refused}", pytrace=False)


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 40
    assert len(INLINE) > 20


def test_every_variable_of_the_papers_is_one_that_is_read() -> None:
    known = {f"{settings.PREFIX}{name.upper()}" for name in settings.Settings.__dataclass_fields__}
    known |= {settings.KEYS, settings.KEYS_FILE, settings.PREFIX.rstrip("_")}
    files = (file for folder in ("pipelines", "serve_app") for file in (REPO / folder).rglob("*.py"))
    sources = "".join(file.read_text() for file in files)
    for paper in papers():
        for name in VARIABLE.findall(paper.read_text()):
            assert name in known or f'"{name}"' in sources, f"{paper.relative_to(REPO)} names {name}"
