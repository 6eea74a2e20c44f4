"""The report of a run as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import tempfile
from pathlib import Path
from typing import Any

from pipelines import pictures
from pipelines.labeling.digits.summary import DigitTally
from pipelines.labeling.digits.thumbs import least_certain
from pipelines.labeling.html_page import html_page, reasons, the_run, tiles
from pipelines.labeling.run_folder import RunFolder

SHOWN = 48


def report(folder: RunFolder, summary: dict[str, Any], tally: DigitTally) -> str:
    status = summary["status"]
    sections = [
        f"<h1>{html.escape(summary['input'])}</h1>",
        tiles({"items": summary["items"]} | {name: status.get(name, 0) for name in ("ok", "review", "error")}),
        f"<h2>What was read</h2>{_image(_charts, tally)}",
        reasons(tally, "items"),
        _least_certain(folder),
        the_run(summary, "items"),
    ]
    return html_page(f"inkray: {summary['input']}", sections)


def _charts(tally: DigitTally, path: Path) -> None:
    labels = {label: tally.values[label] for label in sorted(tally.values)}
    pictures.labels_and_confidence(labels, tally.confidence, path)


def _least_certain(folder: RunFolder) -> str:
    images, captions = least_certain(folder, SHOWN)
    if not len(images):
        return ""

    def draw(_: None, path: Path) -> None:
        pictures.gallery(images, captions, "", path)

    return f"<h2>The least certain</h2>{_image(draw, None)}"


def _image(draw: Any, what: Any) -> str:
    with tempfile.TemporaryDirectory(prefix="inkray-") as folder:
        path = Path(folder, "drawing.png")
        draw(what, path)
        data = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="">'
