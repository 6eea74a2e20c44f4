"""Checks that need all pages: duplicate pages, and forms of several pages of which one is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipelines.forms.template import Template
from pipelines.inference.outcome import Reason, ReasonCode, Status, reason_columns
from pipelines.labeling.forms.evidence import kept
from pipelines.labeling.run_folder import LabelingRunFolder

PageKey = tuple[str, int]
"""Source and page, from 1."""
PAGE_CODES = frozenset({ReasonCode.DUPLICATE_PAGE, ReasonCode.MISSING_PAGE})
"""The reasons that this module gives, each to all rows of a page."""


@dataclass(frozen=True)
class SeenPage:
    """A page in the order of the input."""

    key: PageKey
    template: str | None
    digest: str | None = None


def mark_across_pages(folder: LabelingRunFolder, templates: Sequence[Template]) -> None:
    """Mark the rows of such pages for review. A row that has a reason keeps it, so marking twice changes nothing."""
    reasons = find_reasons(_seen(folder), {template.name: template for template in templates})
    for shard in sorted(folder.done()) if reasons else ():
        rows = folder.read(shard)
        marked = _marked(rows, reasons)
        if marked is not None:
            folder.replace(shard, marked)


def find_reasons(pages: Sequence[SeenPage], templates: Mapping[str, Template]) -> dict[PageKey, Reason]:
    """Why pages need a review, by page."""
    return dict(_incomplete(pages, templates)) | dict(_repeated(pages))


def _repeated(pages: Iterable[SeenPage]) -> Iterator[tuple[PageKey, Reason]]:
    first: dict[str, PageKey] = {}
    for page in pages:
        if page.digest is not None:
            before = first.setdefault(page.digest, page.key)
            if before != page.key:
                yield page.key, Reason(ReasonCode.DUPLICATE_PAGE, f"this page is the same as {_named(before)}")


def _incomplete(pages: Sequence[SeenPage], templates: Mapping[str, Template]) -> Iterator[tuple[PageKey, Reason]]:
    for group in _groups(pages, templates):
        there = [templates[page.template or ""] for page in group]
        missing = sorted(set(range(1, there[0].pages + 1)) - {one.page for one in there})
        if missing:
            numbers = " and ".join(map(str, missing))
            for page in group:
                text = f"page {numbers} of {there[0].pages} of this form is missing beside it"
                yield page.key, Reason(ReasonCode.MISSING_PAGE, text)


def _groups(pages: Sequence[SeenPage], templates: Mapping[str, Template]) -> Iterator[list[SeenPage]]:
    """Pages of one filled form: neighbours in any order, and never from two files if one of them has several pages."""
    in_file = Counter(page.key[0] for page in pages)
    group: list[SeenPage] = []
    for page in pages:
        template = templates.get(page.template or "")
        if group and not (template and _belongs(page, template, group, templates, in_file)):
            yield group
            group = []
        if template and template.pages > 1:
            group.append(page)
    if group:
        yield group


def _belongs(
    page: SeenPage,
    template: Template,
    group: Sequence[SeenPage],
    templates: Mapping[str, Template],
    in_file: Mapping[str, int],
) -> bool:
    there = [templates[one.template or ""] for one in group]
    same_form = _form(template) == _form(there[0]) and template.page not in {one.page for one in there}
    last = group[-1].key[0]
    return same_form and (page.key[0] == last or in_file[page.key[0]] == in_file[last] == 1)


def _form(template: Template) -> str:
    return template.form or template.name


def _named(key: PageKey) -> str:
    return f"{key[0]}, page {key[1]}"


def _seen(folder: LabelingRunFolder) -> list[SeenPage]:
    digests = {(page["source"], page["page"]): page["digest"] for one in kept(folder) for page in one["pages"]}
    pages: dict[PageKey, SeenPage] = {}
    for rows in folder.shards():
        for row in rows.select(["source", "page", "template"]).to_pylist():
            key = (row["source"], row["page"])
            pages.setdefault(key, SeenPage(key, row["template"], digests.get(key)))
    return list(pages.values())


def _marked(rows: pa.Table, reasons: Mapping[PageKey, Reason]) -> pa.Table | None:
    """The marked rows, or None if there is nothing to mark."""
    columns = rows.select(["source", "page", "status", "reason_code", "reason"]).to_pylist()
    found = [reasons.get((row["source"], row["page"])) if row["status"] == Status.OK else None for row in columns]
    if not any(found):
        return None
    for row, reason in zip(columns, found, strict=True):
        if reason:
            row.update({"status": Status.REVIEW.value, **reason_columns(reason)})
    for name in ("status", "reason_code", "reason"):
        index = rows.schema.get_field_index(name)
        rows = rows.set_column(index, rows.schema.field(index), pa.array([row[name] for row in columns], pa.string()))
    return rows
