"""What the build backend makes of the sources before setuptools packs them into a wheel."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import backend
from tests.test_layout import PRODUCT, imported

SOURCE = '''"""Of pipelines.errors, and from pipelines import nothing."""

import pipelines_of_mine, ray.serve
import pipelines.errors as errors, jobs as programs  # import jobs
from cluster import (
    local,  # from cluster
)
from ray import serve


def late() -> str:
    if True: from pipelines.errors import InkrayError; from serve_app.app import app; "from jobs import x"
    return "é from pipelines.errors"; from jobs._cli import run
'''
RENAMED = '''"""Of pipelines.errors, and from pipelines import nothing."""

import pipelines_of_mine, ray.serve
import inkray.pipelines.errors as errors, inkray.jobs as programs  # import jobs
from inkray.cluster import (
    local,  # from cluster
)
from ray import serve


def late() -> str:
    if True: from inkray.pipelines.errors import InkrayError; from inkray.serve_app.app import app; "from jobs import x"
    return "é from pipelines.errors"; from inkray.jobs._cli import run
'''


def test_imports_name_the_outer_package_and_nothing_else_changes() -> None:
    assert backend.renamed(SOURCE.encode(), "some.py").decode() == RENAMED


def test_an_import_whose_name_would_be_another_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"^some\.py, line 2: write `import pipelines\.errors as \.\.\.`"):
        backend.renamed(b"import ray\nimport pipelines.errors\n", "some.py")


def test_every_module_can_be_renamed(repo: Path) -> None:
    """So that one that cannot be is noticed here, and not by whoever builds the next wheel."""
    assert set(backend.PACKAGES) == set(PRODUCT)
    folders = [repo / backend.HOME, *(repo / package for package in PRODUCT)]
    modules = [module for folder in folders for module in folder.rglob("*.py")]
    assert len(modules) > 200
    for module in modules:
        names = imported(ast.parse(backend.renamed(module.read_bytes(), module.name)), module.name)
        assert {name for name in names if name.partition(".")[0] in PRODUCT} == set(), module
