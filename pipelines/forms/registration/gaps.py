"""Parts of the form that the page does not show: torn off, covered or outside the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.landmarks import BLOCK
from pipelines.forms.registration.registered_page import Matrix, Points, transform
from pipelines.forms.template import Box, Template

NEIGHBOURHOOD = 25.0
"""Radius in mm around a missing piece of print within which its neighbours are consulted."""
SEEN = 0.5
"""The share of the neighbourhood that must be found for that part of the page to count as present."""
AROUND = 4.0
"""How far a gap extends beyond the missing print, in mm."""
TILE = 5.0


def without_print(blocks: Points, found: NDArray[np.bool_]) -> tuple[Box, ...]:
    """Return boxes in mm, possibly overlapping, around print that was not found."""
    apart = np.hypot(*np.moveaxis(blocks[:, None] - blocks[None], 2, 0))
    near = apart <= NEIGHBOURHOOD
    share = (near @ found.astype(float)) / near.sum(axis=1)
    # A single piece may be hidden by a stroke or a stain; an isolated one has no neighbours to confirm it.
    side = BLOCK + 2 * AROUND
    return tuple(Box(x - AROUND, y - AROUND, side, side) for x, y in blocks[~found & (share < SEEN)])


def outside(matrix: Matrix, shape: tuple[int, ...], template: Template) -> tuple[Box, ...]:
    """Return the tiles of the form whose centres are not in the picture."""
    across, down = np.arange(TILE / 2, template.width, TILE), np.arange(TILE / 2, template.height, TILE)
    middles = np.stack(np.meshgrid(across, down), axis=2).reshape(-1, 2)
    x, y = transform(middles, np.linalg.inv(matrix)).T
    missing = (x < 0) | (y < 0) | (x > shape[1]) | (y > shape[0])
    return tuple(Box(left - TILE / 2, top - TILE / 2, TILE, TILE) for left, top in middles[missing])
