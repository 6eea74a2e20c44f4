"""A picture of a corpus: a few digits of every class, each above its label."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipelines.corpora.corpus import SIDE, Corpus, Split
from pipelines.errors import UsageError
from pipelines.files.atomic import write_named

DIGIT = 2 * SIDE
STEP_X, STEP_Y = DIGIT + 8, DIGIT + 26
BAND_GAP, MARGIN, HEADING = 10, 28, 46
MOST_COLUMNS = 20
PAPER, INK, QUIET = "#f6f4ef", "#24211d", "#8b857b"
LARGE, SMALL = 22, 14


def draw_preview(corpus: Corpus, count: int, seed: int) -> Image.Image:
    """Draw `count` digits of the training split, equally many of each class, chosen by `seed`."""
    if count < 1:
        raise UsageError(f"A preview needs at least 1 digit, not {count}.")
    bands = [band for rows in _choose(corpus.train, count, seed) for band in _wrap(rows)]
    tops = _tops([int(corpus.train.labels[band[0]]) for band in bands])
    columns = max(len(band) for band in bands)
    width = max(columns * STEP_X - (STEP_X - DIGIT), _heading_width(corpus))
    sheet = Image.new("RGB", (width + 2 * MARGIN, tops[-1] + STEP_Y + MARGIN), PAPER)
    _draw_heading(sheet, corpus)
    for top, band in zip(tops, bands, strict=True):
        for column, row in enumerate(band):
            _draw_digit(sheet, corpus.train, int(row), MARGIN + column * STEP_X, top)
    return sheet


def write_preview(corpus: Corpus, file: Path, count: int, seed: int) -> None:
    content = io.BytesIO()
    draw_preview(corpus, count, seed).save(content, format="PNG", optimize=True)
    write_named(file, content.getvalue())


def _choose(split: Split, count: int, seed: int) -> list[NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    present = [np.flatnonzero(split.labels == label) for label in np.unique(split.labels)]
    shares = [len(part) for part in np.array_split(np.arange(count), len(present))]
    chosen = [random.permutation(rows)[:share] for rows, share in zip(present, shares, strict=True)]
    return [rows for rows in chosen if len(rows)]


def _wrap(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[start : start + MOST_COLUMNS] for start in range(0, len(rows), MOST_COLUMNS)]


def _tops(labels: list[int]) -> list[int]:
    """The top of each band, with some extra space where the class changes."""
    tops = [MARGIN + HEADING]
    for before, label in pairwise(labels):
        tops.append(tops[-1] + STEP_Y + (BAND_GAP if label != before else 0))
    return tops


def _counts(corpus: Corpus) -> str:
    return f"{len(corpus.train):,} train" + (f", {len(corpus.test):,} test" if corpus.test else "")


def _heading_width(corpus: Corpus) -> int:
    name = ImageFont.load_default(LARGE).getlength(corpus.name)
    return round(name + 12 + ImageFont.load_default(SMALL).getlength(_counts(corpus)))


def _draw_heading(sheet: Image.Image, corpus: Corpus) -> None:
    draw, font, baseline = ImageDraw.Draw(sheet), ImageFont.load_default(LARGE), MARGIN + LARGE
    draw.text((MARGIN, baseline), corpus.name, INK, font, anchor="ls")
    left = MARGIN + font.getlength(corpus.name) + 12
    draw.text((left, baseline), _counts(corpus), QUIET, ImageFont.load_default(SMALL), anchor="ls")


def _draw_digit(sheet: Image.Image, split: Split, row: int, left: int, top: int) -> None:
    digit = Image.fromarray(split.images[row]).resize((DIGIT, DIGIT), Image.Resampling.NEAREST)
    sheet.paste(digit, (left, top))
    below = (left + DIGIT // 2, top + DIGIT + 4)
    ImageDraw.Draw(sheet).text(below, str(split.labels[row]), INK, ImageFont.load_default(SMALL), anchor="mt")
