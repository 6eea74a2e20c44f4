"""Whether an empty field is there at all: a field that was torn off or covered must not count as left blank."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from pipelines.forms.paper.evidence import framed_fields
from pipelines.forms.paper.landmarks import LEVELS, landmarks
from pipelines.forms.paper.straight import DOTS_PER_MM, Straight, shrink
from pipelines.forms.template import Field, Template

FINE = LEVELS[-1]


def vanished(straight: Straight, fields: Collection[Field]) -> frozenset[str]:
    """The names of those of these fields whose printed frame the blank page has, and this one has not."""
    framed = [field for field in fields if field.name in _framed(straight.template)]
    if not framed:
        return frozenset()
    there = framed_fields(shrink(straight.image, FINE / DOTS_PER_MM), framed, FINE)
    return frozenset(field.name for field in framed) - there


@lru_cache(maxsize=64)
def _framed(template: Template) -> frozenset[str]:
    """Of the blank page; of a form of which none is known nothing can be said."""
    if template.register.reference is None:
        return frozenset()
    return framed_fields(landmarks(template).levels[-1], template.fields, FINE)
