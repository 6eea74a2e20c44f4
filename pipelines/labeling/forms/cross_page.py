"""Checks that need all pages: duplicate pages, and forms of several pages of which one is missing.

They are done anew by each update, since what came may be what was missing.

The driver passes all pages once, as lines of a table that tasks make. It holds 16 bytes of each, and of those that need
a review their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby

import numpy as np

from pipelines.forms.template import Template
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.forms.page_keys import SIZE, PageKey, SeenPage
from pipelines.labeling.forms.page_marks import mark
from pipelines.labeling.forms.page_order import pages_in_order
from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.run_folder import LabelingRunFolder

Reasons = dict[int, dict[PageKey, Reason]]
"""Why pages need a review, by their shards."""


def mark_across_pages(folder: LabelingRunFolder, templates: Sequence[Template], spread: Spread) -> None:
    """Mark the rows of such pages for review. A row that has a reason keeps it, so marking twice changes nothing."""
    groups, marked = folder.groups(), set[int]()
    with pages_in_order(folder, groups, spread) as in_order:

        def seen() -> Iterator[SeenPage]:
            for page in in_order():
                if page.marked:
                    marked.add(page.shard)
                yield page

        found = find_reasons(seen, {template.name: template for template in templates})
    # What was marked before an update may be so no more.
    files = {shard: file for group in groups for shard, file in zip(group.shards, group.files, strict=True)}
    to_mark = [(shard, files[shard], found.get(shard, {})) for shard in sorted(found.keys() | marked)]
    for _ in spread(partial(mark, folder), to_mark) if to_mark else ():
        pass


def find_reasons(seen: Callable[[], Iterator[SeenPage]], templates: Mapping[str, Template]) -> Reasons:
    """Why pages need a review; `seen` passes all pages in order, as often as it is asked."""
    digests, found = Digests(), Reasons()
    for page, reason in _incomplete(digests.noted(seen()), templates):
        found.setdefault(page.shard, {})[page.key] = reason
    first_of = digests.repeated()
    for page, reason in _repeated(seen(), first_of) if first_of else ():
        found.setdefault(page.shard, {})[page.key] = reason
    return found


class Digests:
    """The digests of all pages by their position; as many zeros where there is none."""

    def __init__(self) -> None:
        self._packed = bytearray()

    def noted(self, pages: Iterable[SeenPage]) -> Iterator[SeenPage]:
        for page in pages:
            self._packed += page.digest or bytes(SIZE)
            yield page

    def repeated(self) -> dict[int, int]:
        """The position of each page whose digest an earlier one has, with that of the first of these."""
        # Half of each says which may be the same; only those are compared as a whole.
        halves = np.frombuffer(self._packed, np.uint64)[::2]
        ordered = np.sort(halves)
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        first, repeated = dict[bytes, int](), dict[int, int]()
        for position in np.flatnonzero(np.isin(halves, twice[twice != 0])).tolist():
            digest = bytes(self._packed[position * SIZE : (position + 1) * SIZE])
            before = first.setdefault(digest, position)
            if before != position:
                repeated[position] = before
        return repeated


def _repeated(pages: Iterator[SeenPage], first_of: Mapping[int, int]) -> Iterator[tuple[SeenPage, Reason]]:
    wanted, names = set(first_of.values()), dict[int, PageKey]()
    for position, page in enumerate(pages):
        if position in wanted:
            names[position] = page.key
        if position in first_of:
            first = names[first_of[position]]
            if first != page.key:
                text = f"this page is the same as {_named(first)}"
                yield page, Reason(ReasonCode.DUPLICATE_PAGE, text)


def _incomplete(pages: Iterable[SeenPage], templates: Mapping[str, Template]) -> Iterator[tuple[SeenPage, Reason]]:
    for group in _groups(pages, templates):
        there = [templates[page.template or ""] for page in group]
        missing = sorted(set(range(1, there[0].pages + 1)) - {one.page for one in there})
        if missing:
            numbers = " and ".join(map(str, missing))
            for page in group:
                text = f"page {numbers} of {there[0].pages} of this form is missing beside it"
                yield page, Reason(ReasonCode.MISSING_PAGE, text)


def _groups(pages: Iterable[SeenPage], templates: Mapping[str, Template]) -> Iterator[list[SeenPage]]:
    """Pages of one filled form: neighbours in any order, and never from two files if one of them has several pages."""
    group: list[SeenPage] = []
    alone = False
    for _, of_file in groupby(pages, lambda page: page.key[0]):
        in_file = list(of_file)
        alone_before, alone = alone, len(in_file) == 1
        for page in in_file:
            template = templates.get(page.template or "")
            beside = page is not in_file[0] or (alone and alone_before)
            if group and not (template and beside and _belongs(template, group, templates)):
                yield group
                group = []
            if template and template.pages > 1:
                group.append(page)
    if group:
        yield group


def _belongs(template: Template, group: Sequence[SeenPage], templates: Mapping[str, Template]) -> bool:
    there = [templates[one.template or ""] for one in group]
    return _form(template) == _form(there[0]) and template.page not in {one.page for one in there}


def _form(template: Template) -> str:
    return template.form or template.name


def _named(key: PageKey) -> str:
    return f"{key[0]}, page {key[1]}"
