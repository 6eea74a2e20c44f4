"""Whether a command would be accepted, asked of the very parser of its program; it is not run."""

from __future__ import annotations

import io
import re
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import click
import pytest
import ray.scripts.scripts
import ray.serve.scripts
import tyro

from cluster import local
from inkray.__main__ import COMMANDS, program
from pipelines.errors import UsageError
from tests.conftest import REPO

JOB = re.compile(r"jobs/(\w+)\.py")
CHOICES = ("command", "what", "bench")
"""Where the options of a job with several commands have those of the one that was chosen."""


class Refused(Exception):
    """A program does not know such a command."""


class Parser(NamedTuple):
    options: Any
    """A dataclass, or a union of them."""
    defaults: Callable[[Any], Any] | None = None


@cache
def parser_of(command: str) -> Parser:
    """What a command of inkray gives to its parser, noted when it is about to parse."""
    if command == "cluster":
        return Parser(local.Command)
    noted: list[Parser] = []

    def note(options: Any, main: object, defaults: Any = None, grace: float = 0) -> None:
        noted.append(Parser(options, defaults))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module(f"jobs.{command}"), "run", note)
        program(command)()
    return noted[0]


def check(words: Sequence[str]) -> None:
    """Raise `Refused` unless the program that comes first exists and takes the other words."""
    name = words[0].removeprefix(".venv/bin/")
    if job := JOB.fullmatch(name):
        _check_inkray((job[1], *words[1:]))
    elif name in CHECKS:
        CHECKS[name](tuple(words[1:]))
    else:
        raise Refused(f"{name} is no program that is known here; add how to check it")


def _check_inkray(words: Sequence[str]) -> None:
    if words in (("--help",), ("--version",)):
        return
    if not words or words[0] not in COMMANDS:
        raise Refused(f"inkray has no command {' '.join(words[:1])}")
    parser, rest = parser_of(words[0]), list(words[1:])
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            parsed = tyro.cli(parser.options, args=rest)
            if parser.defaults and (others := parser.defaults(parsed)) is not None:
                parsed = tyro.cli(parser.options, args=rest, default=others)
            _check_values(parsed)
    except SystemExit as ended:
        if ended.code:
            raise Refused(said.getvalue()) from ended
    except UsageError as error:
        raise Refused(str(error)) from error


def _check_values(parsed: Any) -> None:
    chosen = next((getattr(parsed, name) for name in CHOICES if is_dataclass(getattr(parsed, name, None))), parsed)
    if hasattr(chosen, "check"):
        chosen.check()


def _check_python(words: Sequence[str]) -> None:
    if words[:2] == ("-m", "cluster.local"):
        return _check_inkray(("cluster", *words[2:]))
    if words[:1] == ("-m",):
        return _check_module(words)
    if not words or not (job := JOB.fullmatch(words[0])):
        raise Refused(f"python {' '.join(words)} runs no job")
    return _check_inkray((job[1], *words[1:]))


def _check_module(words: Sequence[str]) -> None:
    if len(words) != 2 or find_spec(words[1]) is None:
        raise Refused(f"python {' '.join(words)} runs no module without options")


def _check_make(words: Sequence[str]) -> None:
    done = subprocess.run(["make", "--dry-run", *words], cwd=REPO, capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr)


def _check_ray(words: Sequence[str]) -> None:
    taken = _parsed_by_click(ray.scripts.scripts.cli, words)
    if entrypoint := taken.get("entrypoint"):
        check(entrypoint)


def _check_serve(words: Sequence[str]) -> None:
    taken = _parsed_by_click(ray.serve.scripts.cli, words)
    file = REPO / taken["config_or_import_path"]
    if not file.is_file():
        raise Refused(f"there is no file {file}")


def _parsed_by_click(command: click.Command, words: Sequence[str]) -> dict[str, Any]:
    """What the command at the end of these words is called with."""
    group, taken = command, dict[str, Any]()
    for word in words:
        if isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
    if isinstance(command, click.Group):
        raise Refused(f"{' '.join(words)} names no command of {group.name}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "callback", lambda **given: taken.update(given))
        try:
            group.main(list(words), standalone_mode=False)
        except click.ClickException as error:
            raise Refused(error.format_message()) from error
    return taken


def _check_pip(words: Sequence[str]) -> None:
    extras = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    if words[:1] != ("install",):
        raise Refused("only pip install is known here")
    for word in words[1:]:
        found = re.fullmatch(r"-e|\.(?:\[([\w,]+)\])?", word)
        if not found or not set((found[1] or "").split(",")) <= {"", *extras}:
            raise Refused(f"pip would not install {word} of this project")


def _check_pytest(words: Sequence[str]) -> None:
    values = iter(words)
    for word in values:
        if word == "-k":
            _check_any_test_named(next(values))
        elif word == "-m":
            _check_marker(next(values))
        elif not (REPO / word).exists():
            raise Refused(f"there is no {word}")


def _check_any_test_named(part: str) -> None:
    if not any(part in file.read_text() for file in (REPO / "tests").rglob("test_*.py")):
        raise Refused(f"no test has {part} in its name")


def _check_marker(name: str) -> None:
    markers = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    if not any(marker.startswith(f"{name}:") for marker in markers):
        raise Refused(f"there is no marker {name}")


def _check_activation(words: Sequence[str]) -> None:
    if words != (".venv/bin/activate",):
        raise Refused("only the environment that make installs is activated")


def _check_eval(words: Sequence[str]) -> None:
    """The command within is checked by itself."""
    if len(words) != 1 or not words[0].startswith("$("):
        raise Refused("eval takes the output of one command")


CHECKS: dict[str, Callable[[Sequence[str]], None]] = {
    "inkray": _check_inkray,
    "python": _check_python,
    "make": _check_make,
    "ray": _check_ray,
    "serve": _check_serve,
    "pip": _check_pip,
    "pytest": _check_pytest,
    ".": _check_activation,
    "eval": _check_eval,
}
