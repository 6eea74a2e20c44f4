"""The command `inkray`: which commands there are, and that each is the job of its name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from inkray.__main__ import COMMANDS, main
from tests.test_layout import jobs


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command with these words in this process; gives its exit code, and what it printed and complained of."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["/somewhere/bin/inkray", *words])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    return run


def test_there_is_a_command_for_every_job_and_for_the_cluster(repo: Path) -> None:
    assert set(COMMANDS) == {*(job.stem for job in jobs(repo)), "cluster"}


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_lists_the_commands(words: tuple[str, ...], run) -> None:
    code, printed, said = run(*words)
    assert (code, said) == (0, "")
    assert printed.startswith("usage: inkray ")
    assert {line.split()[0] for line in printed.splitlines() if line.startswith("  ")} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_names_it_as_it_was_called(command: str, run) -> None:
    code, printed, said = run(command, "--help")
    assert (code, said) == (0, "")
    assert printed.startswith(f"usage: inkray {command} ")
    assert ".py" not in printed.replace("ray job submit jobs/train.py", "")


def test_a_mistyped_command_is_told_in_a_sentence(run) -> None:
    code, printed, said = run("lable", "digits")
    assert (code, printed) == (2, "")
    assert said.startswith("error: There is no command 'lable'; known: train, ") and said.count("\n") == 1


def test_an_error_of_the_job_is_the_error_of_the_command(run, tmp_path: Path) -> None:
    code, printed, said = run("template", "check", str(tmp_path / "no.yaml"), "scan.png", "--out", "o.png", "--page=0")
    assert (code, printed, said) == (2, "", "error: --page is 0; pages count from 1.\n")
