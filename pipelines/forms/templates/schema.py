"""The schema of a template file, and explanations in words of what does not fit it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jsonschema

from pipelines.errors import did_you_mean
from pipelines.forms.templates.yaml_lines import LinedData, Place

SCHEMA_FILE = resources.files(__package__) / "template.schema.json"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_FILE.read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def schema_faults(data: LinedData) -> Iterator[tuple[Place, str]]:
    """Yield everything that does not fit the schema, with its place and without duplicates."""
    reported: set[tuple[Place, str]] = set()
    for error in VALIDATOR.iter_errors(data.value):
        for fault in _faults(error, data.value):
            if fault not in reported:
                reported.add(fault)
                yield fault


def _faults(error: jsonschema.ValidationError, whole: Any) -> Iterator[tuple[Place, str]]:
    place: Place = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        for key in sorted(set(error.instance) - set(known)):
            yield (*place, key), f"{key!r} is not known here; known: {', '.join(known)}.{did_you_mean(key, known)}"
    elif error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance and repr(key) in error.message)
        yield place, f"{missing!r} is missing; it is {_wanted(error.schema['properties'][missing])}."
    elif error.validator == "enum":
        known = error.validator_value
        hint = did_you_mean(str(error.instance), known)
        yield place, f"{place[-1]} {error.instance!r} is not known; known: {', '.join(known)}.{hint}"
    else:
        yield _described(error, whole)


def _described(error: jsonschema.ValidationError, whole: Any) -> tuple[Place, str]:
    """Return the innermost value around the fault that the schema describes, and what it should be."""
    steps, schema, depth = list(error.absolute_schema_path), SCHEMA, 0
    described, wanted = 0, SCHEMA["description"]
    for before, step in itertools.pairwise(["", *steps]):
        depth += step == "items" or before in ("properties", "prefixItems")
        schema = _resolved(schema[step])
        if isinstance(schema, dict) and "description" in schema:
            described, wanted = depth, schema["description"]
    place = tuple(itertools.islice(error.absolute_path, described))
    value = whole
    for key in place:
        value = value[key]
    what = f"{_last_name(place)} " if place else ""
    return place, f"{what}{_shortened(value)} is not {wanted}."


def _resolved(schema: Any) -> Any:
    """Follow a reference, because paths in the schema skip references silently."""
    if isinstance(schema, dict) and "$ref" in schema:
        return SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema


def _wanted(schema: dict[str, Any]) -> str:
    schema = _resolved(schema)
    return str(schema.get("description") or " or ".join(map(str, schema["enum"])))


def _last_name(place: Place) -> str:
    """Return `box`, or `corners 2` for the second item of a list."""
    return f"{place[-2]} {place[-1] + 1}" if isinstance(place[-1], int) else place[-1]


def _shortened(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
