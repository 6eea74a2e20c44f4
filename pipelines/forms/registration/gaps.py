"""Parts of the form that the page does not show: torn off, covered, or not in the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.landmarks import BLOCK
from pipelines.forms.registration.registered_page import Matrix, Points, transform
from pipelines.forms.template import Box, Template

NEIGHBOURHOOD = 25.0
"""How far around a piece of print that was not found its neighbours are asked, in mm."""
SEEN = 0.5
"""The share of the neighbourhood that must be found for it to be there."""
AROUND = 4.0
"""How far a gap reaches beyond the print that is missing, in mm."""
TILE = 5.0


def without_print(blocks: Points, found: NDArray[np.bool_]) -> tuple[Box, ...]:
    """Boxes, in mm, that may overlap one another, around print that was not found."""
    apart = np.hypot(*np.moveaxis(blocks[:, None] - blocks[None], 2, 0))
    near = apart <= NEIGHBOURHOOD
    share = (near @ found.astype(float)) / near.sum(axis=1)
    # A single piece may be lost to a stroke or a stain; a lone one has nobody to speak for it.
    side = BLOCK + 2 * AROUND
    return tuple(Box(x - AROUND, y - AROUND, side, side) for x, y in blocks[~found & (share < SEEN)])


def outside(matrix: Matrix, shape: tuple[int, ...], template: Template) -> tuple[Box, ...]:
    """The tiles of the form whose middles are not in the picture."""
    across, down = np.arange(TILE / 2, template.width, TILE), np.arange(TILE / 2, template.height, TILE)
    middles = np.stack(np.meshgrid(across, down), axis=2).reshape(-1, 2)
    x, y = transform(middles, np.linalg.inv(matrix)).T
    missing = (x < 0) | (y < 0) | (x > shape[1]) | (y > shape[0])
    return tuple(Box(left - TILE / 2, top - TILE / 2, TILE, TILE) for left, top in middles[missing])
