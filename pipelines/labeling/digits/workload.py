"""One digit in each image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipelines.labeling.digits.blocks import from_block, to_block
from pipelines.labeling.digits.labeler import DigitLabeler
from pipelines.labeling.digits.report import report
from pipelines.labeling.digits.summary import DigitTally
from pipelines.labeling.digits.thumbnails import least_certain, unpacked, without
from pipelines.labeling.inputs import Items
from pipelines.labeling.run_folder import Group, LabelingRunFolder
from pipelines.labeling.sources import Sources
from pipelines.labeling.summary import tally
from pipelines.labeling.workload import ReaderConfig, Workload


class DigitWorkload(Workload[Items]):
    name, items, number = "digits", "items", "item"

    def __init__(self, second_opinion: str | None = None) -> None:
        """`second_opinion` is the digest of the model that is asked for one."""
        self._second_opinion = second_opinion

    def identity(self) -> dict[str, Any]:
        return {"second opinion": self._second_opinion}

    def to_block(self, shard: Items) -> pa.Table:
        return to_block(shard)

    def from_block(self, block: pa.Table) -> Iterator[Items]:
        return from_block(block)

    def labeler(self, reader: ReaderConfig) -> DigitLabeler:
        return DigitLabeler(reader, second_opinion=self._second_opinion is not None)

    def without(self, kept: bytes, sources: Sources) -> tuple[bytes, list[str]]:
        return without(kept, sources), []

    def tally(self, folder: LabelingRunFolder, group: Group) -> DigitTally:
        least = least_certain(unpacked(folder.kept(group)))
        return tally(folder.shards(group), DigitTally(least=least))

    def report(self, folder: LabelingRunFolder, summary: dict[str, Any], tally: DigitTally) -> str:
        return report(summary, tally)
