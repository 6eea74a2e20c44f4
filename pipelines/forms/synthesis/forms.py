"""Any number of filled and scanned forms from a seed, together with their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.registered_page import Grey
from pipelines.forms.synthesis.answers import make_answers
from pipelines.forms.synthesis.designs import Design, all_designs
from pipelines.forms.synthesis.filling import fill_in, new_filler
from pipelines.forms.synthesis.scanning import Level, scan
from pipelines.forms.template import Template

DPI = 300
"""Dots per inch at which pages are printed and filled in."""
CARELESS = {"easy": 0.0, "usual": 0.5, "hard": 1.0}


@dataclass(frozen=True)
class Scan:
    image: Grey
    name: str
    template: Template
    """Its reference is only a file name; `write_blank_pages` returns templates with complete paths."""
    answers: dict[str, str]
    matrix: NDArray[np.float64]
    """From millimetres of the template to pixels of the image."""
    dpi: int


def synthesise(count: int, seed: int, level: Level, designs: tuple[Design, ...] | None = None) -> Iterator[Scan]:
    """Yield forms of all designs in turn; each depends only on the seed and its number."""
    for number in range(count):
        yield synthesise_one(number, seed, level, designs)


def synthesise_one(number: int, seed: int, level: Level, designs: tuple[Design, ...] | None = None) -> Scan:
    designs = designs or all_designs()
    design = designs[number % len(designs)]
    random = np.random.default_rng([seed, number])
    template = design.template
    answers = make_answers(template, random)
    page = fill_in(_blank(template.name), template, answers, new_filler(random, CARELESS[level]), random)
    scanned = scan(page, DPI / 25.4, level, random)
    return Scan(scanned.image, f"form-{number:04d}", template, answers, scanned.matrix, scanned.dpi)


@lru_cache(maxsize=8)
def _blank(name: str) -> Grey:
    return next(one for one in all_designs() if one.template.name == name).blank_page(DPI)


def write_blank_pages(folder: Path, dpi: int = 200) -> list[Template]:
    """Write the blank page of every design to the folder as PNG; return templates that refer to these files."""
    folder.mkdir(parents=True, exist_ok=True)
    templates = []
    for design in all_designs():
        path = folder / f"{design.template.name}.png"
        path.write_bytes(cv2.imencode(".png", design.blank_page(dpi))[1].tobytes())
        templates.append(replace(design.template, register=replace(design.template.register, reference=path)))
    return templates
