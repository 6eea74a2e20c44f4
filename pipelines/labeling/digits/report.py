"""The report of a run as one HTML file that needs nothing else."""

from __future__ import annotations

import html
from typing import Any

from pipelines.inference.outcome import Status
from pipelines.labeling.digits.charts import STYLE, charts, gallery
from pipelines.labeling.digits.summary import DigitTally
from pipelines.labeling.html_page import html_page, reasons, the_run, tiles


def report(summary: dict[str, Any], tally: DigitTally) -> str:
    status = summary["status"]
    labels = dict(sorted(tally.values.items()))
    sections = [
        f"<h1>{html.escape(summary['input'])}</h1>",
        tiles({"items": summary["items"]} | {name.value: status.get(name, 0) for name in Status}),
        f"<h2>What was read</h2>{charts(labels, tally.confidence.tolist())}",
        reasons(tally, "items"),
        _least_certain(tally),
        the_run(summary, "items"),
    ]
    return html_page(f"inkray: {summary['input']}", sections, STYLE)


def _least_certain(tally: DigitTally) -> str:
    shown = gallery([one.image for one in tally.least], [one.caption for one in tally.least])
    return f"<h2>The least certain</h2>{shown}" if tally.least else ""
