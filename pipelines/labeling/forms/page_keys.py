"""What the checks across pages need of each page: a line of a table in place of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from pipelines.labeling.forms.evidence import kept
from pipelines.labeling.run_folder import Group, LabelingRunFolder

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
    ]
)


@dataclass(frozen=True)
class SeenPage:
    """A page in the order of the input."""

    key: PageKey
    template: str | None
    digest: bytes | None = None
    shard: int = 0


def page_keys(folder: LabelingRunFolder, group: Group) -> pa.Table:
    """The pages of a group of shards, in order."""
    digests = {
        (page["source"], page["page"]): bytes.fromhex(page["digest"])
        for shard in kept(folder, group)
        for page in shard["pages"]
    }
    pages: dict[PageKey, dict[str, object]] = {}
    for shard, rows in zip(group.shards, folder.shards(group), strict=True):
        for row in rows.select(["source", "page", "template"]).to_pylist():
            key = (row["source"], row["page"])
            pages.setdefault(key, row | {"shard": shard, "digest": digests.get(key)})
    return pa.Table.from_pylist(list(pages.values()), KEYS)


def pages_of(keys: pa.Table) -> Iterator[SeenPage]:
    for batch in keys.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            yield SeenPage((row["source"], row["page"]), row["template"], row["digest"], row["shard"])
