"""The package `inkray` as a program uses it; in a clone its names are those of the sources, not of a second copy."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import inkray
from pipelines.errors import InkrayError
from pipelines.forms.reader import FormReader
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.inference.recognizer import Recognizer
from pipelines.models.store import ModelStore
from pipelines.strings.reading import read_strings
from serve_app.client import InkClient, InkError

HOMES = (FormReader, InkClient, InkError, InkrayError, LineRecognizer, ModelStore, Recognizer, read_strings)
SLOW = ("cv2", "httpx", "numpy", "onnxruntime", "ray", "torch", "tyro")


def test_its_names_are_those_of_the_sources() -> None:
    assert [getattr(inkray, name) for name in inkray.__all__] == list(HOMES)
    assert set(inkray.__all__) <= set(dir(inkray))


def test_what_it_does_not_have_is_told_as_of_every_module() -> None:
    with pytest.raises(AttributeError, match="module 'inkray' has no attribute 'Recogniser'"):
        inkray.Recogniser  # noqa: B018


@pytest.mark.parametrize(
    "program",
    [
        "import inkray",
        "from inkray import InkrayError",
        "import sys; sys.argv = ['inkray', '--help']; from inkray.__main__ import main; main()",
        "import sys; sys.argv = ['inkray', '--version']; from inkray.__main__ import main; main()",
    ],
)
def test_nothing_is_loaded_before_it_is_used(repo: Path, program: str) -> None:
    code = f"{program}\nimport sys; print('loaded', *({SLOW} & sys.modules.keys()))"
    code = code.replace(str(SLOW), str(set(SLOW)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repo), str(repo / ".packaging")])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout.splitlines()[-1:], done.stderr) == (["loaded"], "")


def test_a_folder_of_its_name_is_not_taken_for_it(tmp_path: Path) -> None:
    """The clone itself is called so, seen from the folder around it, and so is ~/inkray."""
    (tmp_path / "inkray").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = [sys.executable, "-c", "import inkray; print(inkray.__version__)"]
    done = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == (inkray.__version__, "")


def test_the_newest_version_of_the_changelog_is_this_one(repo: Path) -> None:
    version = tomllib.loads((repo / "pyproject.toml").read_text())["project"]["version"]
    headings = [line for line in (repo / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert headings[0] == "## Unreleased"
    assert headings[1].startswith(f"## {version} - ")
