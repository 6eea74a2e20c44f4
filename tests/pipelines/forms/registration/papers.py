"""Blank forms of the synthesis and what a scanner may do to them, for the tests of paper."""

from __future__ import annotations

import atexit
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import cv2
import numpy as np

from pipelines.forms.registration.registered_page import of_pixels, scaling, transform
from pipelines.forms.synthesis.designs import all_designs
from pipelines.forms.synthesis.forms import write_blank_pages
from pipelines.forms.template import Template

DPI = 150
DOTS = DPI / 25.4


@cache
def templates() -> dict[str, Template]:
    folder = mkdtemp(prefix="inkray-blank-")
    atexit.register(rmtree, folder)
    return {one.name: one for one in write_blank_pages(Path(folder))}


@cache
def blank(name: str, dpi: int = DPI) -> np.ndarray:
    page = next(one for one in all_designs() if one.template.name == name).blank_page(dpi)
    page.flags.writeable = False
    return page


def without_reference(template: Template) -> Template:
    return replace(template, register=replace(template.register, reference=None))


def moved(
    page: np.ndarray,
    degrees: float = 0.0,
    scale: float = 1.0,
    shift: tuple[float, float] = (0, 0),
    lean: tuple[float, float] = (0, 0),
    dots: float = DOTS,
) -> tuple[np.ndarray, np.ndarray]:
    """The page turned about its middle, scaled, shifted in mm and leaning; and the matrix from mm to pixels."""
    height, width = page.shape
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1 / scale]])
    turn[2, :2] = np.array(lean) / [width, height]
    middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    place = np.array([[1, 0, width / 2 + shift[0] * dots], [0, 1, height / 2 + shift[1] * dots], [0, 0, 1]])
    matrix = place @ turn @ middle
    image = cv2.warpPerspective(page, of_pixels(matrix), (width, height), flags=cv2.INTER_AREA, borderValue=255)
    return np.asarray(image, np.uint8), matrix @ scaling(dots)


def scanned(page: np.ndarray, seed: int = 0, noise: float = 6, blur: float = 0.6) -> np.ndarray:
    soft = cv2.GaussianBlur(page, (0, 0), blur).astype(np.float32) * 0.8 + 25
    grain = np.random.default_rng(seed).normal(0, noise, page.shape)
    return np.clip(soft + grain, 0, 255).astype(np.uint8)


def turned(page: np.ndarray, matrix: np.ndarray, quarters: int) -> tuple[np.ndarray, np.ndarray]:
    """So many quarters of a turn clockwise."""
    for _ in range(quarters):
        matrix = np.array([[0, -1, page.shape[0]], [1, 0, 0], [0, 0, 1]]) @ matrix
        page = np.ascontiguousarray(np.rot90(page, -1))
    return page, matrix


def farthest_off(straight_matrix: np.ndarray, matrix: np.ndarray, template: Template) -> float:
    """How far from its place the worst point of the page lies, in mm."""
    across, down = np.linspace(3, template.width - 3, 7), np.linspace(3, template.height - 3, 9)
    points = np.stack(np.meshgrid(across, down), axis=2).reshape(-1, 2)
    return float(np.hypot(*(transform(transform(points, matrix), straight_matrix) - points).T).max())
