"""Draws the picture of the README: `make demo`, then `.venv/bin/python -m tests.docs.picture`."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, sync_playwright

from pipelines.files import paths
from pipelines.inference.outcome import Status
from tests.conftest import REPO
from tests.serve_app.web.drawings import draw_seven
from tests.serve_app.web.open_servers import RunningServer

LABELS = paths.home() / "demo" / "labels"
PANEL = (560, 520)
GAP = 16
GROUND = (236, 238, 241)
COLOURS = 256


def main() -> None:
    with browser() as started:
        panels = [form(), report(started), page(started)]
    width, height = PANEL
    picture = Image.new("RGB", (3 * width + 4 * GAP, height + 2 * GAP), GROUND)
    for number, panel in enumerate(panels):
        picture.paste(panel, (GAP + number * (width + GAP), GAP))
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(REPO / ".github" / "inkray.png", optimize=True)


def form() -> Image.Image:
    """The upper part of a page on which something is for review."""
    rows = pq.read_table(LABELS / "rows").to_pylist()
    scan = next(Path(row["source"]).stem for row in rows if row["status"] == Status.REVIEW)
    [overlay] = (LABELS / "overlay").glob(f"*{scan}-*.jpg")
    return fitted(Image.open(overlay))


def report(started: Browser) -> Image.Image:
    opened = started.new_page(viewport={"width": 820, "height": 762})
    opened.goto((LABELS / "report.html").as_uri())
    return photograph(opened)


def page(started: Browser) -> Image.Image:
    server = RunningServer().open()
    try:
        opened = started.new_page(viewport={"width": 820, "height": 762})
        opened.goto(server.url)
        draw_seven(opened)
        opened.wait_for_load_state("networkidle")
        return photograph(opened)
    finally:
        server.close()


def photograph(opened: Page) -> Image.Image:
    return fitted(Image.open(io.BytesIO(opened.screenshot())))


def fitted(picture: Image.Image) -> Image.Image:
    """Scaled to the width of a panel, and cut below."""
    return ImageOps.fit(picture.convert("RGB"), PANEL, Image.Resampling.LANCZOS, centering=(0.5, 0.0))


@contextmanager
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


if __name__ == "__main__":
    main()
