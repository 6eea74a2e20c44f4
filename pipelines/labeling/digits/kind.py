"""One digit in each image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipelines.labeling.digits.blocks import from_block, to_block
from pipelines.labeling.digits.labeler import DigitLabeler
from pipelines.labeling.digits.report import report
from pipelines.labeling.digits.summary import DigitTally
from pipelines.labeling.inputs import Items
from pipelines.labeling.kind import Kind, Reading
from pipelines.labeling.run_folder import RunFolder
from pipelines.labeling.summary import tally


class Digits(Kind[Items]):
    name, items, number = "digits", "items", "item"

    def to_block(self, part: Items) -> pa.Table:
        return to_block(part)

    def from_block(self, block: pa.Table) -> Iterator[Items]:
        return from_block(block)

    def labeler(self, reading: Reading) -> DigitLabeler:
        return DigitLabeler(reading)

    def tally(self, folder: RunFolder) -> DigitTally:
        return tally(folder.parts(), DigitTally())

    def report(self, folder: RunFolder, summary: dict[str, Any], tally: DigitTally) -> str:
        return report(folder, summary, tally)
