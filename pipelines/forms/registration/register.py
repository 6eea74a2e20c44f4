"""Registration of a page on a template, either exactly or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from pipelines.forms.registration.alignment import Alignment, align, warp
from pipelines.forms.registration.coarse import rough_match, rough_scan
from pipelines.forms.registration.corner_marks import dark_squares, rough_by_marks
from pipelines.forms.registration.edges import Edges, find_edges
from pipelines.forms.registration.gaps import outside, without_print
from pipelines.forms.registration.landmarks import BLOCK, Landmarks, landmarks
from pipelines.forms.registration.qr_codes import rough_by_code
from pipelines.forms.registration.registered_page import DOTS_PER_MM as DOTS_PER_MM
from pipelines.forms.registration.registered_page import (
    Attempt,
    Grey,
    Matrix,
    quarter_turns,
    scaling,
    shrink,
    transform,
)
from pipelines.forms.registration.registered_page import NotRegistered as NotRegistered
from pipelines.forms.registration.registered_page import RegisteredPage as RegisteredPage
from pipelines.forms.registration.scan import ScannedPage, is_blurred, scan_page
from pipelines.forms.template import Box, Template

ENOUGH = 0.75
"""The minimum share of the print that must be found for a page to be accepted as the form."""
LOOSE = 0.2
"""The residual in mm above which more must be found: a near twin of a form fits here and there, but nowhere well."""
SURE = 0.85
"""The share of the print from which no better fit is searched for."""
PART = 0.25
"""The share of the print from which the page shows at least part of the form."""
EDGE_DOTS = 4.0
"""Dots per mm at which the edges of fields are searched for."""
SMALLEST = 0.05
"""The minimum share of the picture that the page covers."""
LEANING = 2.0
"""How many times longer one side of the page may look than the opposite one."""


def register(image: Grey, template: Template) -> RegisteredPage:
    """Register the page on the template; a NotRegistered explains why it could not be."""
    if template.register.by == "none":
        fill = scaling(template.width / image.shape[1], template.height / image.shape[0])
        return lay_out(image, template, fill, 0.0, 1.0)
    return register_page(scan_page(image), template, None)


def register_page(page: ScannedPage, template: Template, rough: Matrix | None, only: bool = False) -> RegisteredPage:
    """Register a scanned page, starting from a rough matrix from working pixels to millimetres if there is one.

    Other estimates are tried if it does not fit, unless `only` is set.
    """
    if template.register.by == "qr" and template.register.code not in page.codes:
        raise NotRegistered(f"{_code_seen(page)}, and not the code {template.register.code!r} of {template.name!r}.")
    if template.register.reference is None:
        return _by_marks_alone(page, template)
    marks = landmarks(template)
    best = _best_alignment(page, marks, [rough] if only and rough is not None else _ideas(page, template, rough))
    if best is None or not _is_trusted(best) or not _is_sensible(best.matrix, page.working, template):
        raise NotRegistered(_why_not(page, template, best.share if best else 0.0), _print_found(page, marks, best))
    matrix = best.matrix @ page.to_working
    straight = lay_out(page.image, template, matrix, best.residual_mm, best.share)
    return replace(
        straight,
        gaps=without_print(marks.blocks, best.found),
        outside=outside(matrix, page.image.shape, template),
    )


def _is_trusted(found: Alignment) -> bool:
    return found.share >= (ENOUGH if found.residual_mm <= LOOSE else SURE)


def _best_alignment(page: ScannedPage, marks: Landmarks, ideas: Iterable[Matrix]) -> Alignment | None:
    best: Alignment | None = None
    for rough in ideas:
        aligned = align(page.working, rough, marks)
        if aligned and (best is None or aligned.share > best.share):
            best = aligned
        if best and best.share >= SURE:
            break
    return best


def _ideas(page: ScannedPage, template: Template, rough: Matrix | None) -> Iterator[Matrix]:
    """Yield the given estimate, followed by those that take longer to compute."""
    if rough is not None:
        yield rough
    by_code = rough_by_code(page.codes, template) if template.register.by == "qr" else None
    if by_code is not None:
        yield by_code
    quick, _ = rough_match(page.features, template)
    if quick is not None:
        yield quick
    if template.register.corners:
        yield from rough_by_marks(page.working, template)
    thorough, _ = rough_match(page.thorough, template)
    if thorough is not None:
        yield thorough
    flat = rough_scan(page.thorough, template)
    if flat is not None:
        yield flat


def _by_marks_alone(page: ScannedPage, template: Template) -> RegisteredPage:
    """Register by corner marks where the blank page is unknown; the printed edges of fields confirm the form."""
    ideas = [one for one in rough_by_marks(page.working, template) if _is_sensible(one, page.working, template)]
    seen = [_edges(page, matrix, template) for matrix in ideas]
    best = max(range(len(ideas)), key=lambda at: (seen[at].share, -seen[at].residual_mm), default=None)
    if best is None or seen[best].share < ENOUGH:
        nearest = None if best is None else ideas[best] @ page.to_working
        share = 0.0 if best is None else seen[best].share
        raise NotRegistered(_why_not(page, template, share), _marks_found(page, template, nearest))
    matrix = ideas[best] @ page.to_working
    straight = lay_out(page.image, template, matrix, seen[best].residual_mm, seen[best].share)
    return replace(straight, outside=outside(matrix, page.image.shape, template))


def _edges(page: ScannedPage, matrix: Matrix, template: Template) -> Edges:
    shape = (round(template.height * EDGE_DOTS), round(template.width * EDGE_DOTS))
    return find_edges(warp(page.working, matrix, shape, EDGE_DOTS), template, EDGE_DOTS)


def lay_out(
    image: Grey,
    template: Template,
    matrix: Matrix,
    residual_mm: float,
    certainty: float,
) -> RegisteredPage:
    """Straighten the page as in the template, using a matrix from its pixels to millimetres."""
    shape = (round(template.height * DOTS_PER_MM), round(template.width * DOTS_PER_MM))
    # When scaling down a lot, warping would skip pixels that should be averaged.
    is_fine = abs(np.linalg.det(matrix[:2, :2])) ** 0.5 * DOTS_PER_MM < 0.55
    smaller = shrink(image, 0.5) if is_fine else image
    to_image = scaling(image.shape[1] / smaller.shape[1], image.shape[0] / smaller.shape[0])
    straight = warp(smaller, matrix @ to_image, shape, DOTS_PER_MM)
    turned = quarter_turns(matrix, template.width, template.height)
    return RegisteredPage(straight, template, residual_mm, turned, matrix, certainty)


def _is_sensible(matrix: Matrix, working: Grey, template: Template) -> bool:
    """Return whether the page would lie plausibly in the picture: not mirrored, not tiny, not seen from the side."""
    corners = np.array([[0, 0], [template.width, 0], [template.width, template.height], [0, template.height]], float)
    seen = transform(corners, np.linalg.inv(matrix))
    sides = np.roll(seen, -1, axis=0) - seen
    following = np.roll(sides, -1, axis=0)
    bends = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    lengths = np.hypot(*sides.T)
    leaning = max(lengths[:2] / lengths[2:]), max(lengths[2:] / lengths[:2])
    return bool((bends > 0).all() and bends.mean() > SMALLEST * working.size and max(*leaning) < LEANING)


def _print_found(page: ScannedPage, marks: Landmarks, best: Alignment | None) -> Attempt:
    found = best.found if best else np.zeros(len(marks.blocks), bool)
    pieces = tuple(Box(x, y, BLOCK, BLOCK) for x, y in marks.blocks.tolist())
    return Attempt(pieces, tuple(found.tolist()), best.matrix @ page.to_working if best else None, np.zeros((0, 2)))


def _marks_found(page: ScannedPage, template: Template, nearest: Matrix | None) -> Attempt:
    squares, _ = dark_squares(page.working, template)
    squares = transform(squares, np.linalg.inv(page.to_working))
    corners = template.register.corners
    pieces = tuple(Box(one.x - one.side / 2, one.y - one.side / 2, one.side, one.side) for one in corners)
    found = [False] * len(pieces)
    if nearest is not None:
        there = transform(squares, nearest)
        found = [bool((np.hypot(*(there - (one.x, one.y)).T) < one.side).any()) for one in corners]
    return Attempt(pieces, tuple(found), nearest, squares)


def _code_seen(page: ScannedPage) -> str:
    seen = ", ".join(map(repr, page.codes))
    return f"the page has the code {seen}" if seen else "no QR code can be read on the page"


def _why_not(page: ScannedPage, template: Template, share: float) -> str:
    if is_blurred(page.working):
        return f"the page is too blurred to be recognized as the form {template.name!r}; scan it again."
    if share >= PART:
        return (
            f"only {share:.0%} of what is printed on the form {template.name!r} was found on the page; "
            "a part may be cut off or covered, or it is another form with the same head."
        )
    return f"the page does not look like the form {template.name!r} ({share:.0%} of its print was found)."
