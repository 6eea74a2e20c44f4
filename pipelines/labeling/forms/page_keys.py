"""What the checks across pages need of each page: a line of a table in place of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.inference.outcome import ReasonCode
from pipelines.labeling.forms.evidence import kept
from pipelines.labeling.run_folder import Group, LabelingRunFolder

PAGE_CODES = frozenset({ReasonCode.DUPLICATE_PAGE, ReasonCode.MISSING_PAGE})
"""The reasons that the checks across pages give, each to all rows of a page that were ok."""
PageKey = tuple[str, int]
"""Source and page, from 1."""
SIZE = 16
"""Bytes of the digest of a page."""
KEYS = pa.schema(
    [
        ("shard", pa.int32()),
        ("source", pa.string()),
        ("page", pa.int32()),
        ("template", pa.string()),
        ("digest", pa.binary(SIZE)),
        ("marked", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class SeenPage:
    """A page in the order of the input."""

    key: PageKey
    template: str | None
    digest: bytes | None = None
    shard: int = 0
    marked: bool = False
    """Whether a check across pages marked it, before an update or before the run was killed."""


def page_keys(folder: LabelingRunFolder, group: Group) -> pa.Table:
    """The pages of a group of shards, in order."""
    digests = {
        (page["source"], page["page"]): bytes.fromhex(page["digest"])
        for shard in kept(folder, group)
        for page in shard["pages"]
    }
    pages: dict[PageKey, dict[str, object]] = {}
    for shard, rows in zip(group.shards, folder.shards(group), strict=True):
        marked = pc.is_in(rows["reason_code"], pa.array(sorted(PAGE_CODES)))
        for row, by_us in zip(rows.select(["source", "page", "template"]).to_pylist(), marked.to_pylist(), strict=True):
            key = (row["source"], row["page"])
            page = pages.setdefault(key, row | {"shard": shard, "digest": digests.get(key), "marked": False})
            page["marked"] = page["marked"] or by_us
    return pa.Table.from_pylist(list(pages.values()), KEYS)


def pages_of(keys: pa.Table) -> Iterator[SeenPage]:
    for batch in keys.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            key = (row["source"], row["page"])
            yield SeenPage(key, row["template"], row["digest"], row["shard"], row["marked"])
