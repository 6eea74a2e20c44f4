"""Only a few files know Ray's private parts, so that a new Ray is met in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

AT_THE_BORDER = ("pipelines/ray_runtime/", "serve_app/proxy/", "tests/pipelines/ray_runtime/")
PRIVATE = re.compile(
    r"\bray(\.\w+)*\._(?!_)\w+"  # a path through a private module, or to a private name
    r"|\bfrom ray(\.\w+)* import [^\n]*\b_(?!_)\w+"
    r"|\bfrom ray(\.\w+)* import \([^)]*\b_(?!_)\w+"
)


def test_no_other_file_names_a_private_part_of_ray(repo: Path) -> None:
    files = [
        file
        for folder in ("pipelines", "serve_app", "jobs", "cluster", "tests")
        for pattern in ("*.py", "*.sh")
        for file in (repo / folder).rglob(pattern)
    ]
    inside = {str(file.relative_to(repo)): found[0] for file in files if (found := PRIVATE.search(file.read_text()))}
    assert any(name.startswith("pipelines/ray_runtime/") for name in inside)
    assert {name: found for name, found in inside.items() if not name.startswith(AT_THE_BORDER)} == {}


@pytest.mark.parametrize(
    "line",
    [
        "from ray._private import services",
        "from ray.train.torch.config import _TorchBackend",
        "from ray.data.pool import (\n    Pool,\n    _ActorPool,\n)",
        "ray._private.state.nodes()",
        "import ray.data._internal.execution",
    ],
)
def test_a_private_part_is_found_however_it_is_named(line: str) -> None:
    assert PRIVATE.search(line)


@pytest.mark.parametrize("line", ["from ray.train import report", "ray.get(self._actor)", "actor.__ray_ready__"])
def test_what_is_public_or_not_of_ray_is_let_be(line: str) -> None:
    assert not PRIVATE.search(line)
