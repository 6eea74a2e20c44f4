"""Rows of files that changed are taken out of the shards that had them, once the files are read anew.

A shard that has such rows gets another file without them. The one before stays until the update is finished, so doing
this once more has the same result.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.run_folder import KEPT, Group, LabelingRunFolder
from pipelines.labeling.sources import Sources
from pipelines.labeling.summing import of_each
from pipelines.labeling.workload import Workload


def take_out(folder: LabelingRunFolder, workload: Workload[Any], sources: Sources, spread: Spread) -> int:
    """Take the rows of these sources out of the earlier parts, and return how many items had them."""
    if not len(sources):
        return 0
    return sum(of_each(partial(_of_group, folder, workload, sources), folder.groups(before=True), spread))


def _of_group(folder: LabelingRunFolder, workload: Workload[Any], sources: Sources, group: Group) -> int:
    items = 0
    for shard, rows in zip(group.shards, folder.shards(group), strict=True):
        old = pa.array(sources.among(rows["source"]))
        if pc.any(old).as_py():
            items += workload.items_in(rows.filter(old))
            folder.write_anew(shard, rows.filter(pc.invert(old)))
            _take_out_kept(folder, workload, sources, [name for name in group.kept if shard_of(name) == shard])
    return items


def _take_out_kept(folder: LabelingRunFolder, workload: Workload[Any], sources: Sources, names: list[str]) -> None:
    for name in names:
        content = folder.place.get(f"{KEPT}/{name}")
        if content is not None:
            rest, pictures = workload.without(content, sources)
            # First, since it tells no more of them afterwards.
            for picture in pictures:
                folder.place.delete(picture)
            folder.write_file(f"{KEPT}/{name}", rest)


def shard_of(kept: str) -> int:
    return int(kept.partition("-")[0])
