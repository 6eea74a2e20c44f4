"""The README's commands exist, with the options it gives them."""

from __future__ import annotations

import io
import re
import runpy
import subprocess
import sys
import warnings
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
README = (REPO / "README.md").read_text()
JOBS = sorted(path for path in (REPO / "jobs").glob("*.py") if not path.name.startswith("_"))
COMMANDS = re.findall(
    r"^(?:python|ray job submit .*?python) (jobs/\w+\.py|-m cluster\.local)(.*?)(?:  +#.*)?$", README, re.M
)


@cache
def help_text(program: str, command: str) -> str:
    """Asked of the program in this process, since a new one would take seconds to import what it uses."""
    name = program.removeprefix("-m ").removesuffix(".py").replace("/", ".")
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", [program, *([command] if command else []), "--help"])
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # it may be imported already
            runpy.run_module(name, run_name="__main__", alter_sys=True)
    assert not ended.value.code
    return said.getvalue()


@pytest.mark.parametrize("job", [path.name for path in JOBS if path.name not in ("demo.py", "bench.py", "serve.py")])
def test_every_job_stands_in_the_readme(job: str) -> None:
    assert f"jobs/{job}" in README


@pytest.mark.parametrize(("program", "rest"), COMMANDS, ids=lambda part: part.strip())
def test_every_command_of_the_readme_exists(program: str, rest: str) -> None:
    words = rest.split()
    command = words[0] if words and not words[0].startswith("-") else ""
    text = help_text(program, command)
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"(^|\s){re.escape(option)}\b", text), f"{program} {command} has no {option}"


def test_the_readme_has_commands() -> None:
    assert len(COMMANDS) >= 8


def test_every_make_target_has_its_line_of_help() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert [line.split()[1] for line in done.stdout.splitlines()] == [
        "help",
        "demo",
        "serve",
        "setup",
        "test",
        "lint",
        "bench",
        "clean",
    ]


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (REPO / target).exists(), target
