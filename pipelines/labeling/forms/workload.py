"""Scanned forms, many fields on each page."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.forms.template import Template
from pipelines.labeling.capacity import Needs
from pipelines.labeling.forms.cross_page import mark_across_pages
from pipelines.labeling.forms.evidence import kept, without, worst_fields
from pipelines.labeling.forms.labeler import FormLabeler, LineModel, PictureOptions
from pipelines.labeling.forms.pages import PreparedShard
from pipelines.labeling.forms.report import report
from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.labeling.forms.summary import FormTally
from pipelines.labeling.forms.wide_table import fields_of, write_wide
from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.run_folder import Group, LabelingRunFolder
from pipelines.labeling.sources import Sources
from pipelines.labeling.summary import tally
from pipelines.labeling.workload import ReaderConfig, Workload


class FormWorkload(Workload[PreparedShard]):
    name, items, number = "forms", "pages", "page"
    results = "rows, wide.csv and report.html"
    schema = FORM_SCHEMA
    needs = Needs(most_threads=1, tasks_compute=True)

    def __init__(self, templates: Sequence[Template], pictures: PictureOptions, lines: LineModel) -> None:
        self._templates, self._picture_options, self._lines = tuple(templates), pictures, lines

    @property
    def names(self) -> Collection[str]:
        return {*self.schema.names, *fields_of(self._templates)}

    def identity(self) -> dict[str, Any]:
        return {
            "templates": ", ".join(template.name for template in self._templates),
            "content of the templates": fingerprint(self._templates),
            "overlays": self._picture_options.overlays,
            "crops": self._picture_options.crops,
            "model for numbers without cells": self._lines.model,
            "files of that model": self._lines.digest,
            "accept-above of that model": self._lines.accept_above,
        }

    def to_block(self, shard: PreparedShard) -> pa.Table:
        return pa.table({"shard": pa.array([pickle.dumps(shard, pickle.HIGHEST_PROTOCOL)], pa.large_binary())})

    def from_block(self, block: pa.Table) -> Iterator[PreparedShard]:
        for packed in block["shard"]:
            yield pickle.loads(packed.as_buffer())

    def labeler(self, reader: ReaderConfig) -> FormLabeler:
        return FormLabeler(reader, self._picture_options, self._lines)

    def finalize(self, folder: LabelingRunFolder, spread: Spread) -> None:
        mark_across_pages(folder, self._templates, spread)
        write_wide(folder, self._templates, spread, self.columns)

    def items_in(self, rows: pa.Table) -> int:
        return len(rows.group_by(["source", "page"]).aggregate([]))

    def without(self, kept: bytes, sources: Sources) -> tuple[bytes, list[str]]:
        return without(kept, sources)

    def tally(self, folder: LabelingRunFolder, group: Group) -> FormTally:
        worst = worst_fields(field for shard in kept(folder, group) for field in shard["fields"])
        return tally(folder.shards(group), FormTally(worst=worst))

    def report(self, folder: LabelingRunFolder, summary: dict[str, Any], tally: FormTally) -> str:
        return report(folder, summary, tally)

    def summary_line(self, summary: dict[str, Any]) -> str:
        unread = summary["pages_unread"]
        pages = f"{summary['items']:,} pages" + (f", {unread:,} of them unread" if unread else "")
        return f"{pages}; {summary['fields']:,} fields: {self.counts_line(summary)}"


def fingerprint(templates: Sequence[Template]) -> str:
    digest = hashlib.sha256()
    for template in templates:
        digest.update(json.dumps(asdict(template), sort_keys=True, default=_plain).encode())
        if template.register.reference:
            digest.update(template.register.reference.read_bytes())
    return digest.hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Path):
        return value.name
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a template has no {type(value).__name__}")
