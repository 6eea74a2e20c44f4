"""Filled-in forms as scans, each with another content, and what a reader that nobody disturbs makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from pipelines.forms.reader import FormReader
from pipelines.forms.results import PageResult
from pipelines.forms.synthesis.forms import synthesise, write_blank_pages
from pipelines.forms.templates.loading import write_template
from tests.streaming.generator import digest_of
from tests.streaming.judge import Delivered

QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]
START, COMMENT = b"\xff\xd8", b"\xff\xfe"
"""What a JPEG begins with, and a segment of it that is no part of the picture."""


@dataclass(frozen=True)
class Page:
    content: bytes
    readings: list[tuple[str | None, str | None, str]]
    """Of each field its name, its value and its status; a page that cannot be read has one without a name."""

    def expected(self, name: str, content: bytes) -> Iterator[Delivered]:
        """The rows of this page where it landed by that name, with that content."""
        digest = digest_of(content)
        for field, value, status in self.readings:
            yield Delivered(f"{name} {field}", digest, value, status)


def draw_pages(folder: Path, count: int, seed: int) -> tuple[list[Page], list[Path]]:
    """Pages of all designs, badly scanned, and the templates that read them, which are written to the folder."""
    templates = []
    for template in write_blank_pages(folder):
        templates.append(folder / f"{template.name}.yaml")
        write_template(template, templates[-1])
    with FormReader(*templates, threads=1) as reader:
        return [_page(scan.image, reader) for scan in synthesise(count, seed, "hard")], templates


def _page(image: cv2.typing.MatLike, reader: FormReader) -> Page:
    content = cv2.imencode(".jpg", image, QUALITY)[1].tobytes()
    [result] = reader.read(content)
    return Page(content, list(_readings(result)))


def _readings(result: PageResult) -> Iterator[tuple[str | None, str | None, str]]:
    if result.template is None or result.reason is not None:
        yield None, None, result.status
        return
    for name, reading in result.fields.items():
        yield name, reading.value, reading.status


def numbered(content: bytes, number: int) -> bytes:
    """The same picture in a file that no other number has."""
    text = str(number).encode()
    return START + COMMENT + (len(text) + 2).to_bytes(2, "big") + text + content.removeprefix(START)
