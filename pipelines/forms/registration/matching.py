"""Which of several forms a page is, or that it is none of them."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.errors import UsageError
from pipelines.forms.registration.coarse import rough_match
from pipelines.forms.registration.register import SURE, register, register_page
from pipelines.forms.registration.registered_page import Grey, Matrix, NotRegistered, RegisteredPage
from pipelines.forms.registration.scan import ScannedPage, scan_page
from pipelines.forms.template import Template

GLANCE = 300, 500
"""Numbers of the strongest features, of the page and of each form, used to decide which template to try first."""
RIVAL, TWIN = 0.3, 0.7
"""A template is tried as a rival of the best one if it matches this share of the best one's features: the first value
applies if the best one barely fits, the second if it fits well."""
HINT = 0.75
"""The share of that threshold a template must reach at first glance to be compared in full; few features are noisy."""
APART = 0.08
"""How much larger the share of print found must be than that of any rival."""


def match_and_register(image: Grey, templates: Sequence[Template]) -> RegisteredPage:
    """Register the page on the template that it fits; a NotRegistered explains why it fits none."""
    if not templates:
        raise UsageError("There is no template to lay pages straight by; give one at least.")
    if len(templates) == 1:
        return register(image, templates[0])
    free = [one.name for one in templates if one.register.by == "none"]
    if free:
        raise UsageError(
            f"The template {free[0]!r} registers by nothing, so no page can be told to be that form; use it alone."
        )
    return _one_of(scan_page(image), templates)


def _one_of(page: ScannedPage, templates: Sequence[Template]) -> RegisteredPage:
    """Try the likely templates one by one; if two fit equally well, there is no answer."""
    found: list[RegisteredPage] = []
    best = 0
    for glanced, template, rough in _at_a_glance(page, templates):
        best = max(best, glanced)
        if not found:
            straight = _tried(page, template, rough)
        elif glanced < HINT * _rival_share(found) * best:
            break
        else:
            straight = _rival(page, template, found)
        found += [straight] if straight else []
    return _clear_best(found, templates)


def _rival_share(found: Sequence[RegisteredPage]) -> float:
    return TWIN if found[0].certainty >= SURE else RIVAL


def _rival(page: ScannedPage, template: Template, found: Sequence[RegisteredPage]) -> RegisteredPage | None:
    """Register the page on this template, if all its features suggest that it fits as well as those already found."""
    rough, count = rough_match(page.features, template)
    others = [rough_match(page.features, one.template)[1] for one in found]
    return None if count < _rival_share(found) * max(others) else _tried(page, template, rough, only=True)


def _clear_best(found: Sequence[RegisteredPage], templates: Sequence[Template]) -> RegisteredPage:
    if not found:
        names = ", ".join(sorted(repr(one.name) for one in templates))
        raise NotRegistered(f"unknown form: the page does not fit any of {names}.")
    best, *others = sorted(found, key=lambda one: -one.certainty)
    if others and best.certainty - others[0].certainty < APART:
        raise NotRegistered(
            f"unknown form: the page fits {best.template.name!r} and {others[0].template.name!r} alike; "
            "their blank pages must differ by more than that."
        )
    return best


def _at_a_glance(page: ScannedPage, templates: Sequence[Template]) -> list[tuple[int, Template, Matrix | None]]:
    """Count the page's strongest features that agree with each template, most first, with the position they imply.

    Forms without a blank page come last.
    """
    of_page, of_form = GLANCE
    strongest = page.features.strongest(of_page)
    looks = [(template, *rough_match(strongest, template, of_form)) for template in templates]
    return [(count, template, rough) for template, rough, count in sorted(looks, key=lambda look: -look[2])]


def _tried(page: ScannedPage, template: Template, rough: Matrix | None, only: bool = False) -> RegisteredPage | None:
    try:
        return register_page(page, template, rough, only)
    except NotRegistered:
        return None
