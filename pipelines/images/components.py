"""Connected blobs of ink."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def components(ink: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The label of each pixel, 0 for paper, and the statistics of each label, as OpenCV gives them."""
    # The algorithm that OpenCV takes by itself finds the same in three times the time on one thread.
    _, labels, sizes, _ = cv2.connectedComponentsWithStatsWithAlgorithm(ink, 8, cv2.CV_32S, cv2.CCL_GRANA)
    return np.asarray(labels, np.int32), np.asarray(sizes, np.int32)
