"""Scans that land again and again have the same picture and another content."""

from __future__ import annotations

import cv2
import numpy as np

from tests.streaming.pages import numbered


def test_a_number_in_a_scan_changes_no_pixel() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 30), np.uint8)
    content = cv2.imencode(".jpg", image)[1].tobytes()
    several = [content, *(numbered(content, number) for number in (0, 7, 123_456))]
    assert len(set(several)) == len(several)
    pixels = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_GRAYSCALE) for one in several]
    assert all(np.array_equal(one, pixels[0]) for one in pixels)
