"""What is left out of `make quick`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.slow import is_slow


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("serve_app/web/test_page.py", "a browser"),
        ("jobs/test_train.py", "a job on a Ray of its own"),
        ("jobs/test_submit.py", "the shared cluster"),
        ("jobs/test_convert.py", "a network that is taught"),
        ("pipelines/strings/test_strings.py", "one that a helper's helper teaches"),
    ],
)
def test_what_takes_long_is_slow(file: str, why: str, repo: Path) -> None:
    assert is_slow(repo / "tests" / file), why


def test_most_files_are_quick(repo: Path) -> None:
    files = list((repo / "tests").rglob("test_*.py"))
    assert sum(map(is_slow, files)) < len(files) / 2
