"""The report of a run as one HTML file that needs nothing else."""

from __future__ import annotations

import html
from typing import Any

from pipelines.inference.outcome import Status
from pipelines.labeling.digits.charts import STYLE, charts, gallery
from pipelines.labeling.digits.summary import DigitTally
from pipelines.labeling.digits.thumbnails import least_certain
from pipelines.labeling.html_page import html_page, reasons, the_run, tiles
from pipelines.labeling.run_folder import LabelingRunFolder

SHOWN = 48


def report(folder: LabelingRunFolder, summary: dict[str, Any], tally: DigitTally) -> str:
    status = summary["status"]
    labels = dict(sorted(tally.values.items()))
    sections = [
        f"<h1>{html.escape(summary['input'])}</h1>",
        tiles({"items": summary["items"]} | {name.value: status.get(name, 0) for name in Status}),
        f"<h2>What was read</h2>{charts(labels, tally.confidence.tolist())}",
        reasons(tally, "items"),
        _least_certain(folder),
        the_run(summary, "items"),
    ]
    return html_page(f"inkray: {summary['input']}", sections, STYLE)


def _least_certain(folder: LabelingRunFolder) -> str:
    images, captions = least_certain(folder, SHOWN)
    return f"<h2>The least certain</h2>{gallery(images, captions)}" if len(images) else ""
