"""Which tests are slow: `make quick` leaves them out, and `make test` begins with them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.imports import imported, prefixes

SLOW = {
    *("ray", "subprocess", "multiprocessing", "playwright", "uvicorn"),
    *("pipelines.training.learner", "pipelines.conversion.export"),
}
"""Whoever imports one starts a Ray, a process, a browser or a server, or teaches a network, or makes its graph."""
QUICK = "not slow"
REPO = Path(__file__).resolve().parent.parent


@cache
def is_slow(file: Path) -> bool:
    """Whether it imports one of these, itself or with another file of tests."""
    names = {part for name in imported(ast.parse(file.read_text()), file.name) for part in prefixes(name)}
    helpers = (REPO / f"{name.replace('.', '/')}.py" for name in names if name.startswith("tests."))
    return bool(names & SLOW) or any(is_slow(helper) for helper in helpers if helper.exists())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Not even to import them saves each worker seconds."""
    leave_out = config.option.markexpr == QUICK and collection_path.match("test_*.py")
    return True if leave_out and is_slow(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_slow(item.path):
            item.add_marker("slow")
    items.sort(key=lambda item: not is_slow(item.path))
