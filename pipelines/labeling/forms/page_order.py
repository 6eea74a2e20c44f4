"""All pages of a run in the order of the input, as often as they are asked for.

Where updates read a part of the input each, these are merged. What the checks need of the pages lies meanwhile in a
file without a name, since asking tasks for several parts at once would take as many processes.
"""

from __future__ import annotations

import heapq
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from typing import IO

import pyarrow as pa

from pipelines.labeling.forms.page_keys import KEYS, SeenPage, page_keys, pages_of
from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.run_folder import Group, LabelingRunFolder
from pipelines.labeling.summing import of_each

Seen = Callable[[], Iterator[SeenPage]]
Stretch = tuple[int, int]
"""Where a table begins in the file, and how long it is."""


@contextmanager
def pages_in_order(folder: LabelingRunFolder, groups: Sequence[Group], spread: Spread) -> Iterator[Seen]:
    tables = partial(of_each, partial(page_keys, folder), groups, spread)
    if len({group.part for group in groups}) < 2:
        yield lambda: (page for table in tables() for page in pages_of(table))
        return
    with tempfile.TemporaryFile() as file:
        parts = defaultdict[int, list[Stretch]](list)
        for group, table in zip(groups, tables(), strict=True):
            parts[group.part].append(_put_down(file, table))
        yield lambda: heapq.merge(*(_pages(file, part) for part in parts.values()), key=attrgetter("key"))


def _put_down(file: IO[bytes], table: pa.Table) -> Stretch:
    start = file.tell()
    with pa.ipc.new_stream(file, KEYS) as writer:
        writer.write_table(table)
    return start, file.tell() - start


def _pages(file: IO[bytes], tables: Sequence[Stretch]) -> Iterator[SeenPage]:
    for start, length in tables:
        file.seek(start)
        yield from pages_of(pa.ipc.open_stream(file.read(length)).read_all())
