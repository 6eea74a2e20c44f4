"""YAML as plain data that remembers the line of every value.

Made from PyYAML's nodes, since what a loader makes of them has no lines, and takes the text 007 for a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import DataError, UsageError

NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
DECIMAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")

Place = tuple[str | int, ...]
"""The keys and indices that lead from the top to a value."""


@dataclass
class LinedData:
    file: Path
    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)
    """What is wrong with the YAML itself, with line numbers."""

    def line_of(self, place: Place) -> int:
        """Return the line of a value, or of the nearest enclosing one."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_lined(path: Path, as_written: Collection[str] = ()) -> LinedData:
    """Read one YAML file safely. Values under the keys `as_written` stay text, such as 007 or `on`."""
    data = LinedData(path)
    try:
        node = yaml.compose(_text_of(path), Loader=yaml.SafeLoader)
        data.value = _Walk(data, as_written).value_of(node, (), False) if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"this is no YAML: {error.problem}; put quotes around text with signs such as [ ] : # -"
        raise UsageError(f"{path}, line {mark.line + 1 if mark else 1}: {problem}.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is no YAML: {error}.") from error
    except RecursionError as error:
        raise UsageError(f"{path} is nested too deeply to be a template.") from error
    return data


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {path}; check the path.") from error
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8; save it so.") from error


def _number(node: yaml.Node) -> int | float:
    """Read numbers as people write them: 010 is ten and 1:30 is no number, though YAML has them as 8 and 90."""
    if re.fullmatch(r"[-+]?\d+", node.value):
        return int(node.value)
    if node.value.lstrip("+-").lower() not in (".inf", ".nan") and not DECIMAL.fullmatch(node.value):
        raise ValueError(node.value)
    value = float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return int(value) if value.is_integer() else value


class _Walk:
    def __init__(self, data: LinedData, as_written: Collection[str]) -> None:
        self._data, self._as_written = data, as_written
        self._seen: set[int] = set()
        self._scalars = yaml.constructor.SafeConstructor()

    def value_of(self, node: yaml.Node, place: Place, as_written: bool) -> Any:
        self._data.lines.setdefault(place, node.start_mark.line + 1)
        if id(node) in self._seen:
            self._fault(node, "anchors and aliases (& and *) are not used here; write it out.")
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value_of(one, (*place, at), as_written) for at, one in enumerate(node.value)]
        return self._scalar(node, as_written)

    def _fault(self, node: yaml.Node, what: str) -> None:
        self._data.faults.append((node.start_mark.line + 1, what))

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in found:
                first = self._data.lines[(*place, key)]
                self._fault(key_node, f"{key!r} stands here for the second time, first in line {first}; keep one.")
                continue
            self._data.lines[(*place, key)] = key_node.start_mark.line + 1
            found[key] = self.value_of(value_node, (*place, key), key in self._as_written)
        return found

    def _scalar(self, node: yaml.Node, as_written: bool) -> Any:
        if as_written and node.tag != "tag:yaml.org,2002:null":
            return node.value
        try:
            value = _number(node) if node.tag in NUMBERS else self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self._fault(
                node, f"{node.value[:50]!r} cannot be read as what it seems, {node.tag}; quote it if it is text."
            )
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._fault(node, f"{node.value!r} is no number to measure by.")
        return value
