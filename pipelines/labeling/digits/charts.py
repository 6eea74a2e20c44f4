"""The drawings of the report in plain HTML: bars and small pictures, which need no drawing library to be loaded."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

STYLE = """
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 2.5rem }
figure { margin: 0 } figcaption { color: var(--faint); font-size: .85rem }
.bars { display: flex; align-items: flex-end; gap: 2px; height: 10rem; border-bottom: 1px solid var(--line) }
.bars i { flex: 1; background: light-dark(#1f6feb, #6cb6ff) }
.names { display: flex; gap: 2px; margin-bottom: .4rem } .names span { flex: 1; width: 0; text-align: center }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(5.5rem, 1fr)); gap: .8rem }
.gallery img { width: 100%; image-rendering: pixelated; border: 1px solid var(--line) }
"""


def charts(labels: Mapping[str, int], confidence: Sequence[int]) -> str:
    """How often each value was read, and how sure the readings are."""
    hints = [(label, f"{label}: {count:,}") for label, count in labels.items()]
    items = _bars("items read as", hints, list(labels.values()))
    bins = len(confidence)
    edges = [(start / bins, (start + 1) / bins) for start in range(bins)]
    hints = [
        (f"{low:g}" if low * 4 % 1 == 0 else "", f"{low:g} to {high:g}: {count:,}")
        for (low, high), count in zip(edges, confidence, strict=True)
    ]
    # The few unsure ones are what one looks for, and beside the many sure ones they would not be seen.
    sure = _bars("confidence (logarithmic)", hints, [math.log1p(count) for count in confidence])
    return f"<div class=charts>{items}{sure}</div>"


def _bars(caption: str, hints: Sequence[tuple[str, str]], heights: Sequence[float]) -> str:
    """Bars with their names below and a tooltip each."""
    full = max(heights, default=0) or 1
    bars = "".join(
        f'<i style="height:{height / full:.1%}" title="{html.escape(hint)}"></i>'
        for (_, hint), height in zip(hints, heights, strict=True)
    )
    names = "".join(f"<span>{html.escape(name)}</span>" for name, _ in hints)
    return (
        f"<figure><div class=bars>{bars}</div><div class=names>{names}</div><figcaption>{caption}</figcaption></figure>"
    )


def gallery(images: Iterable[NDArray[np.uint8]], captions: Iterable[str]) -> str:
    """Digits, dark on light, with a caption under each."""
    figures = "".join(
        f'<figure><img src="data:image/png;base64,{_png(255 - image)}" alt="">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for image, caption in zip(images, captions, strict=True)
    )
    return f"<div class=gallery>{figures}</div>"


def _png(image: NDArray[np.uint8]) -> str:
    return base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()
