"""What only shows when all pages are there: the same page twice, and forms of several pages of which one is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipelines.forms.template import Template
from pipelines.labeling.forms.evidence import kept
from pipelines.labeling.rows import OK, REVIEW
from pipelines.labeling.run_folder import LabelingRunFolder

PageKey = tuple[str, int]
"""Source and page, from 1."""


SAME, MISSING = "this page is the same as", "of this form is missing beside it"


@dataclass(frozen=True)
class SeenPage:
    """A page in the order of the input."""

    key: PageKey
    template: str | None
    digest: str | None = None


def mark_across_pages(folder: LabelingRunFolder, templates: Sequence[Template]) -> None:
    """Mark the rows of such pages for review. What is said already stays, so that this can be done again."""
    remarks = find_remarks(_seen(folder), {template.name: template for template in templates})
    for shard in sorted(folder.done()) if remarks else ():
        rows = folder.read(shard)
        marked = _marked(rows, remarks)
        if marked is not None:
            folder.write(shard, marked, {})


def is_of_page(reason: str) -> bool:
    """Whether that was said here, of a page as a whole."""
    return reason.startswith(SAME) or reason.endswith(MISSING)


def find_remarks(pages: Sequence[SeenPage], templates: Mapping[str, Template]) -> dict[PageKey, str]:
    """What is to be said of each page, if anything."""
    return dict(_incomplete(pages, templates)) | dict(_repeated(pages))


def _repeated(pages: Iterable[SeenPage]) -> Iterator[tuple[PageKey, str]]:
    first: dict[str, PageKey] = {}
    for page in pages:
        if page.digest is not None:
            before = first.setdefault(page.digest, page.key)
            if before != page.key:
                yield page.key, f"{SAME} {_named(before)}"


def _incomplete(pages: Sequence[SeenPage], templates: Mapping[str, Template]) -> Iterator[tuple[PageKey, str]]:
    for group in _groups(pages, templates):
        there = [templates[page.template or ""] for page in group]
        missing = sorted(set(range(1, there[0].pages + 1)) - {one.page for one in there})
        if missing:
            numbers = " and ".join(map(str, missing))
            for page in group:
                yield page.key, f"page {numbers} of {there[0].pages} {MISSING}"


def _groups(pages: Sequence[SeenPage], templates: Mapping[str, Template]) -> Iterator[list[SeenPage]]:
    """Pages of one filled form: neighbours, in whatever order, and never of two files if one of them has several."""
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


def _marked(rows: pa.Table, remarks: Mapping[PageKey, str]) -> pa.Table | None:
    """None where there is nothing to mark."""
    columns = rows.select(["source", "page", "status", "reason"]).to_pylist()
    found_remarks = [remarks.get((row["source"], row["page"])) if row["status"] == OK else None for row in columns]
    if not any(found_remarks):
        return None
    status = [REVIEW if remark else row["status"] for row, remark in zip(columns, found_remarks, strict=True)]
    reason = [remark or row["reason"] for row, remark in zip(columns, found_remarks, strict=True)]
    for name, values in (("status", status), ("reason", reason)):
        index = rows.schema.get_field_index(name)
        rows = rows.set_column(index, rows.schema.field(index), pa.array(values, pa.string()))
    return rows
