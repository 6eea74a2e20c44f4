"""Templates as YAML that is easy to edit by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pipelines.forms.template import SIZES, Box, Field, Register, Template

LISTED = 20
"""Longer lists of allowed values are written to a CSV file next to the template."""
HEAD = """\
# A form template. All places are millimetres from the page's upper left corner; a box is [left, top, width, height].
# A field may also have: length, pattern, min, max, checksum, allowed, blank, fill. Rules, such as
# 'total == a + b' or 'date(day, month, year)', stand in a list under 'rules:'.
"""


def write_template(template: Template, path: str | Path) -> None:
    """Write the template in the format that `load_template` reads, short enough to edit by hand."""
    path = Path(path)
    blocks = [_yaml(_head(template, path.parent)), "fields:\n"]
    for field in template.fields:
        blocks.append(_indented(_yaml(_field_spec(field, path.parent))))
    if template.rules:
        blocks.append(_yaml({"rules": list(template.rules)}))
    path.write_text(HEAD + "\n".join(blocks), encoding="utf-8")


def _yaml(value: dict[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)


def _indented(text: str) -> str:
    first, *rest = text.splitlines()
    return "\n".join([f"  - {first}", *(f"    {line}" for line in rest)]) + "\n"


def _head(template: Template, folder: Path) -> dict[str, Any]:
    size = (template.width, template.height)
    named = next((name for name, known in SIZES.items() if known == size), None)
    head: dict[str, Any] = {"name": template.name, "size": named or list(map(_short, size))}
    if template.form:
        head["form"] = template.form
    if template.pages > 1:
        head |= {"page": template.page, "pages": template.pages}
    return head | {"register": dict(_register_spec(template.register, folder))}


def _register_spec(register: Register, folder: Path) -> Iterator[tuple[str, Any]]:
    yield "by", register.by
    if register.reference:
        yield "reference", Path(os.path.relpath(register.reference, folder)).as_posix()
    if register.corners:
        yield "corners", [[_short(corner.x), _short(corner.y), _short(corner.side)] for corner in register.corners]
    if register.code is not None:
        yield "code", register.code
    if register.code_box:
        yield "code_box", _numbers(register.code_box)


def _field_spec(field: Field, folder: Path) -> dict[str, Any]:
    length = field.length and (field.length[0] if len(set(field.length)) == 1 else "{}-{}".format(*field.length))
    spec: dict[str, Any] = {"name": field.name, "kind": field.kind, "box": _numbers(field.box)}
    spec |= {"cells": [_numbers(box) for box in field.cell_boxes] or field.cells, "length": length}
    spec |= {key: getattr(field, key) for key in ("pattern", "min", "max", "checksum", "fill")}
    if field.allowed is not None:
        spec["allowed"] = _allowed_spec(field, folder)
    if not field.blank:
        spec["blank"] = False
    return {key: value for key, value in spec.items() if value is not None}


def _allowed_spec(field: Field, folder: Path) -> str | list[str]:
    values = sorted(field.allowed or ())
    if len(values) <= LISTED:
        return values
    name = f"{field.name}.csv"
    (folder / name).write_text("\n".join(values) + "\n", encoding="utf-8")
    return name


def _numbers(box: Box) -> list[float]:
    return [_short(one) for one in (box.left, box.top, box.width, box.height)]


def _short(number: float) -> float:
    """Round to a hundredth of a millimetre, which is finer than paper is accurate."""
    rounded = round(number, 2)
    return int(rounded) if rounded == int(rounded) else rounded
