"""Labels: the digits 0 to 9."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError


def as_digits(labels: NDArray[Any], where: object) -> NDArray[np.uint8]:
    """Convert integers of any width to uint8 labels; the first one that is not a digit is an error."""
    wrong = np.flatnonzero((labels < 0) | (labels > 9))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"{where}: label {labels[row]} of item {row} is out of range; expected 0 to 9.")
    return labels.astype(np.uint8, copy=False)
