"""Checks beyond the schema of a template: boxes that lie off the page, and constraints that no value can satisfy."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping

from pipelines.errors import UsageError, did_you_mean
from pipelines.forms.constraints.field_language import count_of_digits, language
from pipelines.forms.constraints.patterns import parse_pattern
from pipelines.forms.constraints.rules import parse_rule
from pipelines.forms.template import Box, Corner, Field, Register

Fault = tuple[str, str]
"""The key at fault, or an empty string for the whole, and a description of the fault."""
KINDS_OF = {
    "cells": ("digits",),
    "fill": ("digits",),
    **dict.fromkeys(("length", "pattern", "min", "max", "checksum", "allowed"), ("digits", "number")),
}
NEEDED: dict[str, tuple[str, ...]] = {
    "reference": ("reference",),
    "corners": ("corners",),
    # A code is too small to register a page exactly; the print does that.
    "qr": ("code", "code_box", "reference"),
}
"""The keys that each way to register requires."""
LONGEST_NUMBER = 20
"""The maximum number of digits tried when looking for a value of a number without a length."""


def field_faults(field: Field, keys: Collection[str], size: tuple[float, float] | None) -> list[Fault]:
    """Check a field; `keys` are the keys present in the file."""
    wrong_kind = [key for key in keys if field.kind not in KINDS_OF.get(key, (field.kind,))]
    faults = [(key, f"{key} is for the kind {' or '.join(KINDS_OF[key])}, not {field.kind}.") for key in wrong_kind]
    if field.kind == "digits" and "cells" not in keys:
        faults.append(("", "cells is missing; it is the number of cells in the box, or a list of their boxes."))
    if size:
        faults += [("box", fault) for fault in _outside(field.box, size)]
        faults += [("cells", fault) for box in field.cell_boxes for fault in _outside(box, size)]
    return faults + ([] if wrong_kind else list(_value_faults(field)))


def _outside(box: Box | Corner, size: tuple[float, float]) -> Iterator[str]:
    if isinstance(box, Corner):
        box = Box(box.x - box.side / 2, box.y - box.side / 2, box.side, box.side)
    reach = f"[{box.left:g}, {box.top:g}, {box.width:g}, {box.height:g}]"
    if box.left < 0 or box.top < 0 or box.right > size[0] or box.bottom > size[1]:
        yield f"{reach} does not lie on the page, which is {size[0]:g} mm wide and {size[1]:g} mm high."


def _value_faults(field: Field) -> Iterator[Fault]:
    try:
        if field.pattern is not None:
            parse_pattern(field.pattern)
    except UsageError as error:
        yield "pattern", f"{error}."
        return
    if field.length and field.length[0] > field.length[1]:
        yield "length", f"length {field.length[0]}-{field.length[1]} runs backwards."
    elif field.length and field.cells and field.length[1] > field.cells:
        yield "length", f"length {field.length[1]} is more than the {field.cells} cells."
    elif field.min is not None and field.max is not None and field.min > field.max:
        yield "min", f"min {field.min} is more than max {field.max}."
    elif field.kind in ("digits", "number"):
        try:
            yield from _nothing_admitted(field)
        except UsageError as error:
            yield "", str(error)


def _nothing_admitted(field: Field) -> Iterator[Fault]:
    """Yield the constraints that no value satisfies: those that fail on their own, otherwise all together."""
    if _any_value(field):
        return
    given = [key for key in ("pattern", "min", "max", "checksum", "allowed") if getattr(field, key) is not None]
    alone = [key for key in given if not _any_value(_with_only(field, key))]
    for key in alone or [" and ".join(given)]:
        listed = key if key == "allowed" or " " in key else f"{key} '{getattr(field, key)}'"
        yield key.partition(" ")[0], f"no value of {_lengths_in_words(field)} satisfies {listed}."


def _with_only(field: Field, key: str) -> Field:
    others: dict[str, None] = dict.fromkeys({"pattern", "min", "max", "checksum", "allowed"} - {key})
    return dataclasses.replace(field, **others)  # type: ignore[arg-type]


def _lengths(field: Field) -> range:
    least, most = field.length or (1, field.cells or LONGEST_NUMBER)
    return range(least, most + 1)


def _any_value(field: Field) -> bool:
    return any(not language(field, length).empty for length in _lengths(field))


def _lengths_in_words(field: Field) -> str:
    lengths = _lengths(field)
    return count_of_digits(lengths[-1]) if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]} digits"


def register_faults(register: Register, size: tuple[float, float] | None) -> Iterator[Fault]:
    for key in NEEDED.get(register.by, ()):
        if not getattr(register, key):
            yield "by", f"register by {register.by} needs {key!r}, which is missing."
    if register.reference and not register.reference.is_file():
        yield "reference", f"there is no picture {register.reference}; the path is taken from the template's folder."
    if size:
        yield from (("corners", fault) for corner in register.corners for fault in _outside(corner, size))
        yield from (("code_box", fault) for box in [register.code_box] if box for fault in _outside(box, size))


def rule_faults(text: str, kinds: Mapping[str, str]) -> Iterator[str]:
    """Check a rule; `kinds` maps the name of every field to its kind."""
    try:
        rule = parse_rule(text)
    except UsageError as error:
        yield f"{error}."
        return
    numeric = [name for name, kind in kinds.items() if kind in ("digits", "number")]
    for name in rule.names:
        if name not in kinds:
            hint = did_you_mean(name, numeric)
            yield f"rule {text!r}: there is no field {name!r}; known: {', '.join(numeric) or 'none'}.{hint}"
        elif name not in numeric:
            yield f"rule {text!r}: field {name!r} is of kind {kinds[name]}; only digits and numbers can stand in it."
