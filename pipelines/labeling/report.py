"""The report of a run as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines import pictures
from pipelines.labeling.rows import part_name, read_part
from pipelines.labeling.run_folder import RunFolder
from pipelines.labeling.summary import Tally

SHOWN = 48

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b2430; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums } img { max-width: 100% }
.tiles { display: flex; gap: 2.5rem; flex-wrap: wrap } .tiles b { display: block; font-size: 1.7rem }
"""


def report(folder: RunFolder, summary: dict[str, Any], tally: Tally) -> str:
    sections = [
        f"<h1>{html.escape(summary['input'])}</h1>",
        _tiles(summary),
        f"<h2>What was read</h2>{_image(_charts, tally)}",
        _reasons(tally),
        _least_certain(folder),
        f"<h2>The run</h2>{_table(_told(summary))}",
    ]
    title = html.escape(f"inkray: {summary['input']}")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
        f"<body>{''.join(sections)}</body></html>\n"
    )


def _tiles(summary: dict[str, Any]) -> str:
    status = summary["status"]
    tiles = {"items": summary["items"]} | {name: status.get(name, 0) for name in ("ok", "review", "error")}
    inner = "".join(f"<div><b>{count:,}</b>{name}</div>" for name, count in tiles.items())
    return f"<div class=tiles>{inner}</div>"


def _told(summary: dict[str, Any]) -> list[tuple[str, str]]:
    kept = ("model", "engines", "accept_above", "started", "seconds", "items_this_time", "images_per_second", "format")
    return [(name.replace("_", " "), str(summary[name])) for name in kept if name in summary]


def _reasons(tally: Tally) -> str:
    if not tally.reasons:
        return ""
    rows = [(reason, count, tally.examples.get(reason, "")) for reason, count in tally.reasons.most_common(30)]
    cells = "".join(
        f"<tr><td>{html.escape(reason)}<td class=number>{count:,}<td>{html.escape(example)}"
        for reason, count, example in rows
    )
    return f"<h2>Errors and what is to be reviewed</h2><table><tr><th>reason<th>items<th>for example{cells}</table>"


def _table(rows: Sequence[tuple[str, str]]) -> str:
    inner = "".join(f"<tr><td>{html.escape(name)}<td>{html.escape(value)}" for name, value in rows)
    return f"<table>{inner}</table>"


def _charts(tally: Tally, path: Path) -> None:
    labels = {label: tally.values[label] for label in sorted(tally.values)}
    pictures.labels_and_confidence(labels, tally.confidence, path)


def _least_certain(folder: RunFolder) -> str:
    images, captions = least_certain(folder)
    if not len(images):
        return ""

    def draw(_: None, path: Path) -> None:
        pictures.gallery(images, captions, "", path)

    return f"<h2>The least certain</h2>{_image(draw, None)}"


def least_certain(folder: RunFolder) -> tuple[np.ndarray, list[str]]:
    """Of the least certain of every part those that are least certain of all."""
    found: list[tuple[float, np.ndarray, str]] = []
    for file in sorted(folder.uncertain.glob("*.npz")):
        thumbs = np.load(file)  # which runs nothing that a file may hold
        rows = read_part(folder.rows / part_name(int(file.stem), folder.kind), folder.kind).take(thumbs["rows"])
        for image, row in zip(thumbs["images"], rows.to_pylist(), strict=True):
            if row["confidence"] is not None:
                found.append((row["confidence"], image, f"{row['value'] or '-'}, {row['confidence'] * 100:.1f} %"))
    found = sorted(found, key=lambda one: one[0])[:SHOWN]
    return np.array([image for _, image, _ in found]), [caption for _, _, caption in found]


def _image(draw: Any, what: Any) -> str:
    with tempfile.TemporaryDirectory(prefix="inkray-") as folder:
        path = Path(folder, "drawing.png")
        draw(what, path)
        data = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="">'
