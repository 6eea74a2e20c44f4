"""Which of several forms a page is, or that it is none of them."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.errors import UsageError
from pipelines.forms.paper.coarse import rough_match
from pipelines.forms.paper.landmarks import landmarks
from pipelines.forms.paper.looking import Page, look_at
from pipelines.forms.paper.registration import SURE, register, register_page
from pipelines.forms.paper.straight import Grey, Matrix, NotRegistered, Straight
from pipelines.forms.template import Template

RIVAL, TWIN = 0.3, 0.7
"""A template is tried beside the best one if this share of its features agrees with the page: of one that fits hardly,
and of one that fits well."""
APART = 0.08
"""By how much more of its print must be found than of any rival's."""


def straighten(image: Grey, templates: Sequence[Template]) -> Straight:
    """The page laid straight by the template that it fits, or a NotRegistered that says why by none."""
    if not templates:
        raise UsageError("There is no template to lay pages straight by; give one at least.")
    if len(templates) == 1:
        return register(image, templates[0])
    free = [one.name for one in templates if one.register.by == "none"]
    if free:
        raise UsageError(
            f"The template {free[0]!r} registers by nothing, so no page can be told to be that form; use it alone."
        )
    return _one_of(look_at(image), templates)


def _one_of(page: Page, templates: Sequence[Template]) -> Straight:
    """The likely templates are tried one by one; two that fit as well as one another are no answer."""
    ranked = _ranked(page, templates)
    found: list[Straight] = []
    best_count = ranked[0][0]
    for count, template, rough in ranked:
        if found and count < (TWIN if found[0].certainty >= SURE else RIVAL) * best_count:
            break
        straight = _tried(page, template, rough if found else None)
        if straight:
            found, best_count = [*found, straight], max(best_count, count)
    if not found:
        names = ", ".join(sorted(repr(one.name) for one in templates))
        raise NotRegistered(f"unknown form: the page does not fit any of {names}.")
    found.sort(key=lambda one: -one.certainty)
    if len(found) > 1 and found[0].certainty - found[1].certainty < APART:
        raise NotRegistered(
            f"unknown form: the page fits {found[0].template.name!r} and {found[1].template.name!r} alike; "
            "their blank pages must differ by more than that."
        )
    return found[0]


def _ranked(page: Page, templates: Sequence[Template]) -> list[tuple[int, Template, Matrix | None]]:
    """By how many features of the page agree with each, the most first; forms without a blank page come last."""
    looks: list[tuple[int, Template, Matrix | None]] = []
    for template in templates:
        rough, count = None, 0
        if template.register.reference is not None:
            rough, count = rough_match(page.features, landmarks(template).features)
        looks.append((count, template, rough))
    return sorted(looks, key=lambda look: -look[0])


def _tried(page: Page, template: Template, rough: Matrix | None) -> Straight | None:
    try:
        return register_page(page, template, rough)
    except NotRegistered:
        return None
