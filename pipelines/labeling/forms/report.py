"""The report of a run of forms: what needs a review, worst first, each field's picture beside its reading."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import quote

from pipelines.inference.outcome import Status
from pipelines.labeling.forms.evidence import SHOWN
from pipelines.labeling.forms.summary import FormTally
from pipelines.labeling.html_page import html_page, reasons, the_run, tiles
from pipelines.labeling.run_folder import OVERLAY, LabelingRunFolder

PAGES_SHOWN = 100
LEAST_SHARE = 0.005
"""Alternatives that are less likely are not shown."""

STYLE = """
.fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem }
.field { border: 1px solid var(--line); border-left: 4px solid var(--review); border-radius: 6px; padding: .7rem .9rem }
.field.error { border-left-color: var(--error) }
.field img { display: block; max-height: 7rem; background: #fff }
.read { font: 600 1.5rem/1.3 ui-monospace, monospace; letter-spacing: .12em; margin-top: .4rem }
.read small { font: .9rem system-ui, sans-serif; letter-spacing: 0; color: var(--faint); margin-left: .6rem }
.review .reason { color: var(--review) } .error .reason { color: var(--error) }
.where { color: var(--faint); font-size: .85rem; overflow-wrap: anywhere } a { color: inherit }
@media (max-width: 30rem) { .fields { grid-template-columns: 1fr } }
"""


def report(folder: LabelingRunFolder, summary: dict[str, Any], tally: FormTally) -> str:
    status = summary["status"]
    counts = {"pages": summary["items"], "fields": summary["fields"]}
    sections = [
        f"<h1>{html.escape(summary['input'])}</h1>",
        tiles(counts | {name.value: status.get(name, 0) for name in Status}),
        _pages(tally),
        _fields(folder, tally),
        reasons(tally, "rows"),
        the_run(summary, "pages"),
    ]
    return html_page(f"inkray: {summary['input']}", sections, STYLE)


def _pages(tally: FormTally) -> str:
    if not tally.flagged:
        return ""
    shown = tally.flagged[:PAGES_SHOWN]
    rows = "".join(
        f"<tr><td>{html.escape(source)}<td class=number>{page}<td>{html.escape(reason)}"
        for source, page, reason in shown
    )
    return f"<h2>Pages to look at</h2><table><tr><th>scan<th>page<th>why{rows}</table>"


def _fields(folder: LabelingRunFolder, tally: FormTally) -> str:
    # The reason of a whole page is shown once, above.
    whole = {(source, page) for source, page, _ in tally.flagged}
    worst = [one for one in tally.worst if (one["source"], one["page"]) not in whole]
    if not worst:
        return "<h2>Fields to look at</h2><p>None: every field that could be read is sure.</p>"
    more = f", the first {SHOWN}" if len(worst) == SHOWN else ""
    cards = "".join(_card(folder, one) for one in worst)
    return f"<h2>Fields to look at, worst first{more}</h2><div class=fields>{cards}</div>"


def _card(folder: LabelingRunFolder, one: dict[str, Any]) -> str:
    sure = "" if one["value"] is None else f"<small>{one['confidence']:.1%} sure{_others(one)}</small>"
    reason = html.escape(one["reason"] or "")
    return (
        f'<div class="field {one["status"]}"><img src="data:image/jpeg;base64,{one["crop"]}" alt="">'
        f"<div class=read>{html.escape(one['read'])}{sure}</div><div class=reason>{reason}</div>"
        f"<div class=where><b>{html.escape(one['field'])}</b>, {_page(folder, one)}</div></div>"
    )


def _others(one: dict[str, Any]) -> str:
    others = [f"{value or 'blank'} ({share:.1%})" for value, share in one["alternatives"] if share >= LEAST_SHARE]
    return f", or {html.escape(', '.join(others))}" if others else ""


def _page(folder: LabelingRunFolder, one: dict[str, Any]) -> str:
    """Source and page of a field, linked to the picture of the page if it was kept."""
    where = html.escape(f"{one['source']}, page {one['page']}")
    picture = f"{OVERLAY}/{one['name']}.jpg"
    return f'<a href="{quote(picture)}">{where}</a>' if folder.has(picture) else where
