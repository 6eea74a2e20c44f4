"""Whether a field is present at all: one that was torn off or covered must not count as left blank."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from pipelines.forms.registration.edges import framed_fields
from pipelines.forms.registration.landmarks import LEVELS, landmarks
from pipelines.forms.registration.registered_page import DOTS_PER_MM, RegisteredPage, shrink
from pipelines.forms.template import Field, Template

FINE = LEVELS[-1]


def vanished(straight: RegisteredPage, fields: Collection[Field]) -> frozenset[str]:
    """Return the names of those fields whose printed frame is on the form but not on this page."""
    return frozenset(field.name for field in _with_frame(straight, fields)) - seen(straight, fields)


def seen(straight: RegisteredPage, fields: Collection[Field]) -> frozenset[str]:
    """Return the names of those fields whose printed frame is on both the form and this page."""
    framed = _with_frame(straight, fields)
    return framed_fields(shrink(straight.image, FINE / DOTS_PER_MM), framed, FINE) if framed else frozenset()


def _with_frame(straight: RegisteredPage, fields: Collection[Field]) -> list[Field]:
    return [field for field in fields if field.name in _framed(straight.template)]


@lru_cache(maxsize=64)
def _framed(template: Template) -> frozenset[str]:
    """Return the framed fields of the blank page; if it is unknown, all fields, unless the page is not registered."""
    if template.register.by == "none":
        return frozenset()
    if template.register.reference is None:
        return frozenset(field.name for field in template.fields)
    return framed_fields(landmarks(template).levels[-1], template.fields, FINE)
