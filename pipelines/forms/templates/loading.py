"""Templates from YAML files written by people: all mistakes are reported together, each with its line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.errors import DataError, UsageError
from pipelines.forms.template import SIZES, Box, Corner, Field, Register, Template
from pipelines.forms.templates.allowed import read_allowed
from pipelines.forms.templates.checks import field_faults, register_faults, rule_faults
from pipelines.forms.templates.schema import schema_faults
from pipelines.forms.templates.writing import write_template
from pipelines.forms.templates.yaml_lines import LinedData, Place, read_lined

__all__ = ["load_template", "load_templates", "write_template"]

AS_WRITTEN = ("name", "form", "pattern", "allowed", "fill", "code", "reference", "rules")
"""Keys whose values are text even if they look like numbers."""


def load_template(path: str | Path) -> Template:
    """Read a template; a UsageError lists everything that is wrong in it, line by line."""
    data = read_lined(Path(path), AS_WRITTEN)
    return _Loading(data).load()


def load_templates(paths: Iterable[str | Path]) -> list[Template]:
    """Read several templates, rejecting duplicate names and duplicate pages of a form."""
    names: dict[str, Path] = {}
    pages: dict[tuple[str, int], Path] = {}
    templates = []
    for path in map(Path, paths):
        template = load_template(path)
        _refuse_second(names, template.name, path, f"the name {template.name!r}")
        if template.form:
            what = f"page {template.page} of the form {template.form!r}"
            _refuse_second(pages, (template.form, template.page), path, what)
        templates.append(template)
    # A page may omit the number of pages if another page of the form states it.
    most: dict[str | None, int] = {}
    for template in templates:
        most[template.form] = max(template.pages, most.get(template.form, 1))
    return [replace(one, pages=most[one.form]) if one.form else one for one in templates]


def _refuse_second(known: dict[Any, Path], key: Any, path: Path, what: str) -> None:
    if key in known:
        raise UsageError(f"{path} and {known[key]} both have {what}; give each its own.")
    known[key] = path


class _Loading:
    """One file being turned into a template; faults are collected so that people can fix them all at once."""

    def __init__(self, data: LinedData) -> None:
        self._data = data
        self._faults: list[tuple[int, str]] = list(data.faults)

    def load(self) -> Template:
        bad: set[Place] = set()
        for place, fault in schema_faults(self._data):
            bad |= {place[:depth] for depth in range(1, len(place) + 1)}
            self._fault(place, fault)
        template = self._build(bad) if isinstance(self._data.value, dict) else None
        if self._faults or template is None:
            listed = dict.fromkeys(sorted(self._faults))
            raise UsageError("\n".join(f"{self._data.file}, line {line}: {fault}" for line, fault in listed))
        return template

    def _fault(self, place: Place, fault: str) -> None:
        field = ""
        if len(place) > 1 and place[0] == "fields" and isinstance(place[1], int):
            spec = self._data.value["fields"][place[1]]
            name = spec.get("name") if isinstance(spec, dict) else None
            field = f"field {name!r}: " if name else f"field {place[1] + 1}: "
        self._faults.append((self._data.line_of(place), field + fault))

    def _build(self, bad: set[Place]) -> Template | None:
        """Check everything of the right form more closely, even if other parts are not."""
        value = self._data.value
        size = _size(value["size"]) if "size" in value and ("size",) not in bad else None
        specs = value.get("fields") if isinstance(value.get("fields"), list) else []
        fields = [self._field(at, spec, size) for at, spec in enumerate(specs) if ("fields", at) not in bad]
        register = Register("none")
        if "register" in value and ("register",) not in bad:
            register = self._register(value["register"], size)
        self._names(specs)
        self._rules(value.get("rules") if ("rules",) not in bad else [], specs)
        page, pages = (value.get(key, 1) if (key,) not in bad else 1 for key in ("page", "pages"))
        if page > max(pages, 1) and "pages" in value:
            self._fault(("page",), f"page {page} is more than the {pages} pages.")
        if max(page, pages) > 1 and "form" not in value:
            key = "pages" if "pages" in value else "page"
            self._fault((key,), f"{key}: which pages belong together? Give the templates of all of them one 'form'.")
        if self._faults or size is None:
            return None
        rules = tuple(value.get("rules") or ())
        pages = max(page, pages)
        return Template(value["name"], *size, register, tuple(fields), rules, page, pages, value.get("form"))

    def _field(self, at: int, spec: dict[str, Any], size: tuple[float, float] | None) -> Field:
        cells = spec.get("cells")
        boxes = tuple(Box(*map(float, box)) for box in cells) if isinstance(cells, list) else ()
        field = Field(
            spec["name"],
            spec["kind"],
            Box(*map(float, spec["box"])),
            cells=len(boxes) or cells,
            cell_boxes=boxes,
            length=_length(spec.get("length")),
            allowed=self._allowed(at, spec["allowed"]) if "allowed" in spec else None,
            **{key: spec[key] for key in ("pattern", "min", "max", "checksum", "blank", "fill") if key in spec},
        )
        for key, fault in field_faults(field, spec, size):
            self._fault(("fields", at, key) if key else ("fields", at), fault)
        return field

    def _allowed(self, at: int, given: str | list[str]) -> frozenset[str] | None:
        if isinstance(given, list):
            return frozenset(given)
        try:
            return read_allowed(self._data.file.parent / given)
        except (UsageError, DataError) as error:
            self._fault(("fields", at, "allowed"), f"allowed: {error}")
            return None

    def _register(self, spec: dict[str, Any], size: tuple[float, float] | None) -> Register:
        reference = self._data.file.parent / spec["reference"] if "reference" in spec else None
        corners = tuple(Corner(*map(float, corner)) for corner in spec.get("corners", ()))
        code_box = Box(*map(float, spec["code_box"])) if "code_box" in spec else None
        register = Register(spec["by"], reference, corners, spec.get("code"), code_box)
        for key, fault in register_faults(register, size):
            self._fault(("register", key), fault)
        return register

    def _names(self, specs: list[Any]) -> None:
        seen: dict[str, int] = {}
        for at, name in enumerate(spec.get("name") if isinstance(spec, dict) else None for spec in specs):
            line = self._data.line_of(("fields", at, "name"))
            if isinstance(name, str) and name in seen:
                fault = f"a field of this name stands in line {seen[name]} already; name it otherwise."
                self._fault(("fields", at, "name"), fault)
            elif isinstance(name, str):
                seen[name] = line

    def _rules(self, rules: list[str] | None, specs: list[Any]) -> None:
        named = [spec for spec in specs if isinstance(spec, dict) and isinstance(spec.get("name"), str)]
        kinds = {spec["name"]: str(spec.get("kind")) for spec in reversed(named)}
        for at, text in enumerate(rules or ()):
            for fault in rule_faults(text, kinds):
                self._fault(("rules", at), fault)


def _size(given: str | list[float]) -> tuple[float, float]:
    return SIZES[given] if isinstance(given, str) else (float(given[0]), float(given[1]))


def _length(given: int | str | None) -> tuple[int, int] | None:
    if given is None:
        return None
    least, _, most = str(given).partition("-")
    return int(least), int(most or least)
