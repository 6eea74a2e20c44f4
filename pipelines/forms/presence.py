"""Whether an empty field is there at all: a field that was torn off or covered must not count as left blank."""

from __future__ import annotations

from functools import lru_cache

from pipelines.forms.evidence import fields_found
from pipelines.forms.landmarks import LEVELS, landmarks
from pipelines.forms.straight import DOTS_PER_MM, Straight, shrink
from pipelines.forms.template import Template

FINE = LEVELS[-1]


def vanished(straight: Straight) -> frozenset[str]:
    """The names of the fields whose printed frame the blank page has, and this one has not."""
    framed = _framed(straight.template)
    if not framed:
        return frozenset()
    seen = fields_found(shrink(straight.image, FINE / DOTS_PER_MM), straight.template, FINE)
    there = {field.name for field, found in zip(straight.template.fields, seen, strict=True) if found}
    return framed - there


@lru_cache(maxsize=64)
def _framed(template: Template) -> frozenset[str]:
    """Of the blank page; of a form of which none is known nothing can be said."""
    if template.register.reference is None:
        return frozenset()
    seen = fields_found(landmarks(template).levels[-1], template, FINE)
    return frozenset(field.name for field, found in zip(template.fields, seen, strict=True) if found)
