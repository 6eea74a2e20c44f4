"""What the tests of the model store share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def network(folder: Path) -> Path:
    """The files of a small model."""
    return write(folder, {"model.onnx": "the network", "plans/a.plan": "a plan"})


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def refusal(kind: type[Exception], ask: Callable[[], object]) -> str:
    """What `ask` is refused with."""
    with pytest.raises(kind) as caught:
        ask()
    assert type(caught.value) is kind
    return str(caught.value)
