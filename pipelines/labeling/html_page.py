"""The parts of every report: one self-contained HTML file, in light and dark mode."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.labeling.summary import Tally

STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1b2430, #dfe5ec); --faint: light-dark(#5d6b7a, #93a1b0);
  --line: light-dark(#d8dee5, #38424d); --paper: light-dark(#ffffff, #14181d);
  --review: light-dark(#b35c00, #ffb454); --error: light-dark(#c01c28, #ff7b72); --ok: light-dark(#187a3e, #63d28b) }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; overflow-wrap: anywhere } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
th { color: var(--faint); font-weight: 500 }
td { overflow-wrap: anywhere } td.number { text-align: right; font-variant-numeric: tabular-nums }
img { max-width: 100%; border-radius: 3px }
.tiles { display: flex; gap: 2.5rem; flex-wrap: wrap } .tiles b { display: block; font-size: 1.7rem }
"""


def html_page(title: str, sections: Sequence[str], style: str = "") -> str:
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(title)}</title><style>{STYLE}{style}</style><body>{''.join(sections)}</body></html>\n"
    )


def tiles(counts: Mapping[str, int]) -> str:
    inner = "".join(f"<div><b>{count:,}</b>{html.escape(name)}</div>" for name, count in counts.items())
    return f"<div class=tiles>{inner}</div>"


def reasons(tally: Tally, counted: str) -> str:
    if not tally.reasons:
        return ""
    rows = [(code, count, *tally.examples.get(code, ("", ""))) for code, count in tally.reasons.most_common(30)]
    cells = "".join(
        f"<tr><td>{html.escape(code)}<td class=number>{count:,}<td>{html.escape(reason)}<td>{html.escape(source)}"
        for code, count, reason, source in rows
    )
    head = f"<tr><th>reason<th>{counted}<th>for example<th>in"
    return f"<h2>Errors and what is to be reviewed</h2><table>{head}{cells}</table>"


def table(rows: Sequence[tuple[str, str]]) -> str:
    inner = "".join(f"<tr><td>{html.escape(name)}<td>{html.escape(value)}" for name, value in rows)
    return f"<table>{inner}</table>"


def the_run(summary: Mapping[str, Any], items: str) -> str:
    names = (
        "model",
        "engines",
        "accept_above",
        "started",
        "seconds",
        "items_this_time",
        f"{items}_per_second",
        "format",
    )
    shown = [(name.replace("_", " "), _shown(name, summary[name])) for name in names if name in summary]
    return f"<h2>The run</h2>{table(shown)}"


def _shown(name: str, value: Any) -> str:
    if name == "accept_above" and value > 1:  # a number just above 1 would puzzle people
        return "nothing is accepted"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
