"""Which of the two phases of a picture is its ink."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.images.paper import plane_of, reduced, without

Grey = NDArray[np.uint8]

SURE = 0.8
"""Paper is the phase that has this share of the rim: of 31,500 drawn pictures none was otherwise."""
EVIDENCE = np.array([13.6, -12.7, 6.1, 18.0])
"""What more of each in `_as_ink` says against being ink: fitted to drawn pictures in which ink has much of the rim."""


def is_paper_bright(grey: Grey) -> bool:
    """Paper is most of the rim; where lines or ink have much of it, that phase is ink which looks more like strokes."""
    small = reduced(grey)
    rim = _share_of_rim(as_bytes(cv2.threshold(small, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]))
    if rim >= SURE or rim <= 1 - SURE:
        return rim > 0.5
    return float(EVIDENCE @ evidence(small)) > 0


def evidence(small: Grey) -> NDArray[np.float64]:
    """How much more of each in `_as_ink` the bright phase has than the dark one."""
    return _as_ink(small) - _as_ink(as_bytes(~small))


def _as_ink(small: Grey) -> NDArray[np.float64]:
    """Of the bright phase, if it were ink: its shares of rim and area, its width, how uneven it leaves the paper."""
    rest = without(small, plane_of(small))
    _, phase = cv2.threshold(rest, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    ink = as_bytes(phase)
    uneven = _spread(rest, as_bytes(1 - ink)) / (_spread(rest) + 1)
    return np.array([_share_of_rim(ink), ink.mean(), np.log(_width(ink)), uneven])


def _spread(rest: Grey, where: Grey | None = None) -> float:
    return float(cv2.meanStdDev(rest, mask=where)[1][0, 0])


def _share_of_rim(phase: Grey) -> float:
    inner = phase[1:-1, 1:-1]
    return (np.count_nonzero(phase) - np.count_nonzero(inner)) / (phase.size - inner.size)


def _width(phase: Grey) -> float:
    """Half of the widest place; a stroke ends where the picture does."""
    framed = cv2.copyMakeBorder(phase, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return float(cv2.distanceTransform(framed, cv2.DIST_L2, 3).max(initial=0)) or 0.5
