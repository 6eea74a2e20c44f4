from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import UsageError
from pipelines.files import paths
from tests.stores import refusal


def test_a_folder_is_told_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert paths.folder(Path("out"), "rows") == tmp_path / "out"
    assert paths.folder(Path("~/out"), "rows") == Path("/home/somebody/out")
    assert paths.folder(Path("a:/out"), "rows") == tmp_path / "a:/out"


def test_a_uri_is_no_folder() -> None:
    """What would else be a local folder called s3:, and rows that nobody finds."""
    told = refusal(UsageError, lambda: paths.folder(Path("s3://bucket/out"), "rows"))
    assert told == "The rows cannot lie at a URI, as s3:/bucket/out seems to be; name a folder that every node sees."


def test_what_would_vanish_with_a_copy_of_ray_s_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/jobs/test_submit.py holds that this is where Ray runs such a job."""
    copy = tmp_path / "runtime_resources" / "working_dir_files" / "_ray_pkg_0a1b2c"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    told = refusal(UsageError, lambda: paths.folder(Path("labels"), "rows"))
    assert told == (
        "The rows would lie in labels below Ray's copy of the folder that the job was submitted with, and vanish with "
        "it; name a whole path, which every node sees."
    )
    assert paths.folder(tmp_path / "labels", "rows") == tmp_path / "labels"


def test_a_home_of_nobody_is_refused() -> None:
    told = refusal(UsageError, lambda: paths.folder(Path("~nobody-here/out"), "runs"))
    assert told == "There is no place ~nobody-here/out: its user has no home here; write the whole path."


def test_what_lies_in_the_home_moves_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKRAY_HOME", str(tmp_path))
    monkeypatch.delenv("INKRAY_DATA", raising=False)
    assert paths.data() == tmp_path / "data"
    monkeypatch.setenv("INKRAY_DATA", "/elsewhere")
    assert paths.data() == Path("/elsewhere")
