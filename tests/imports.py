"""What Python files import, by their text alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def imported(tree: ast.Module, name: str = "") -> Iterator[str]:
    """The full name of everything that a module imports, at its head or within a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def prefixes(name: str) -> Iterator[str]:
    """A dotted name, and that of each package around it, the innermost first."""
    while name:
        yield name
        name = name.rpartition(".")[0]
