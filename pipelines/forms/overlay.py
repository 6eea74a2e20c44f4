"""Pages annotated with what was read: green if accepted, amber if a person must look, red if nothing was read."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.forms.registration.registered_page import DOTS_PER_MM, Grey
from pipelines.forms.results import TICKED, FieldReading, PageResult
from pipelines.forms.template import Box
from pipelines.inference.outcome import Status

COLOURS = {Status.OK: (24, 128, 62), Status.REVIEW: (214, 118, 0), Status.ERROR: (200, 30, 30)}
OVERLAY_DOTS = DOTS_PER_MM // 2
"""Dots per mm, sufficient for viewing; half of DOTS_PER_MM, so scaling is fast."""
QUALITY = 72
LETTER = 3.2
"""Height of the lettering in mm."""
AROUND = 1.5
"""Margin shown around a field in mm."""


def overlay(result: PageResult) -> bytes:
    """Return the page as JPEG, with boxes and the values that were read."""
    image = Image.fromarray(_scaled(result.pixels)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for reading in result.fields.values():
        _draw(draw, reading)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=QUALITY)
    return content.getvalue()


def crops(result: PageResult) -> Iterator[tuple[str, bytes]]:
    """Yield every field and every cell as JPEG, each under a unique name."""
    for name, reading in result.fields.items():
        shown = re.sub(r"[^\w.-]+", "_", name)
        yield shown, _encoded(_cut(result.pixels, reading.field.box))
        for number, cell in enumerate(reading.cells):
            yield f"{shown}-{number + 1}", _encoded(_cut(result.pixels, cell.box, 0.0))


def crop(result: PageResult, reading: FieldReading) -> bytes:
    """Return one field as JPEG."""
    return _encoded(_cut(result.pixels, reading.field.box))


def reading_in_words(reading: FieldReading) -> str:
    """Describe the reading for people."""
    if reading.value is None:
        return "-"
    if reading.field.kind == "mark":
        return "ticked" if reading.value == TICKED else "not ticked"
    return reading.value or "blank"


def _scaled(page: Grey) -> Grey:
    factor = OVERLAY_DOTS / DOTS_PER_MM
    return np.asarray(cv2.resize(page, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(image: Grey) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _cut(page: Grey, box: Box, around: float = AROUND) -> Grey:
    left, top = (max(0, round((side - around) * DOTS_PER_MM)) for side in (box.left, box.top))
    right, bottom = (max(1, round((side + around) * DOTS_PER_MM)) for side in (box.right, box.bottom))
    cut = page[top:bottom, left:right]
    return cut if cut.size else page[:1, :1]


def _draw(draw: ImageDraw.ImageDraw, reading: FieldReading) -> None:
    colour = COLOURS[reading.status]
    for cell in reading.cells:
        draw.rectangle(_corners(cell.box), outline=colour, width=1)
    left, top, right, bottom = _corners(reading.field.box)
    draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), outline=colour, width=2)
    if reading.field.kind != "text_image":
        _write(draw, _words(reading), (left - 3, top - 3, right + 3, bottom + 3), colour)


def _words(reading: FieldReading) -> str:
    sure = f"  {reading.confidence:.0%}" if reading.status == Status.REVIEW and reading.value is not None else ""
    return reading_in_words(reading) + sure


def _write(
    draw: ImageDraw.ImageDraw, words: str, around: tuple[int, int, int, int], colour: tuple[int, int, int]
) -> None:
    """Write the words on a background of the given colour: above the box if there is room, otherwise below."""
    left, top, _, bottom = around
    font = _font()
    _, _, width, height = (int(side) for side in draw.textbbox((0, 0), words, font))
    y = top - height - 4 if top > height + 4 else bottom
    draw.rectangle((left, y, left + width + 8, y + height + 4), fill=colour)
    draw.text((left + 4, y + 1), words, (255, 255, 255), font)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(LETTER * OVERLAY_DOTS)


def _corners(box: Box) -> tuple[int, int, int, int]:
    sides = (box.left, box.top, box.right, box.bottom)
    left, top, right, bottom = (round(side * OVERLAY_DOTS) for side in sides)
    return left, top, max(left, right), max(top, bottom)
