"""Every curl command of the papers is answered by a real server."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docs.conftest import WRITTEN
from tests.docs.papers import blocks
from tests.docs.shell import Command, commands

COMMANDS = [one for block in blocks("sh", "") for one in commands(block) if one.words[0] == "curl"]

CURL = argparse.ArgumentParser("curl", exit_on_error=False, allow_abbrev=False)
CURL.add_argument("url")
CURL.add_argument("-X", dest="method")
CURL.add_argument("-H", dest="headers", action="append", default=[])
CURL.add_argument("-F", dest="parts", action="append", default=[])
CURL.add_argument("--data-binary", dest="body")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.place} {command}")
def test_a_request_is_answered(command: Command, server: str, workplace: Path) -> None:
    asked = CURL.parse_args(command.words[1:])
    assert asked.url.startswith(WRITTEN), f"{command.place}: the papers' server is at {WRITTEN}"
    method = asked.method or ("POST" if asked.body or asked.parts else "GET")
    answer = httpx.request(method, asked.url.replace(WRITTEN, server), timeout=60, **body_of(asked))
    assert answer.is_success, f"{command.place}: {command}\n{answer.text}"


def body_of(asked: argparse.Namespace) -> dict[str, Any]:
    headers = dict(line.split(": ", 1) for line in asked.headers)
    if asked.body:
        assert asked.body.startswith("@")
        return {"headers": headers, "content": Path(asked.body[1:]).read_bytes()}
    return {"headers": headers, **form_of(asked.parts)}


def form_of(parts: Sequence[str]) -> dict[str, Any]:
    """`name=@file` sends a file, `name=<file` what is in it, all else is a value."""
    files, fields = [], {}
    for part in parts:
        name, _, value = part.partition("=")
        if value.startswith("@"):
            files.append((name, (value[1:], Path(value[1:]).read_bytes())))
        else:
            fields[name] = Path(value[1:]).read_text() if value.startswith("<") else value
    return {"files": files, "data": fields} if parts else {}


def test_there_are_requests() -> None:
    assert len(COMMANDS) > 5
