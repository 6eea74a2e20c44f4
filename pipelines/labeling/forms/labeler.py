"""What an actor of the pool does with prepared pages: rows, overlays, crops, and what the report shows of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from pipelines.forms.overlay import crops, overlay
from pipelines.forms.page_result import PageResult
from pipelines.forms.reading import read_pages
from pipelines.forms.readings import OK, Acceptance
from pipelines.labeling.forms.evidence import evidence, evidence_name
from pipelines.labeling.forms.pages import PreparedPart
from pipelines.labeling.forms.rows import By, to_rows
from pipelines.labeling.kind import Labelled, Reading
from pipelines.labeling.run_folder import CROPS, OVERLAY
from pipelines.line_reader import LineReader

Overlays = Literal["all", "review", "none"]


@dataclass(frozen=True)
class Wanted:
    """Which pictures a run leaves."""

    overlays: Overlays = "review"
    crops: bool = False

    def overlay_of(self, result: PageResult) -> bool:
        return bool(result.picture) and (self.overlays == "all" or (self.overlays == "review" and result.status != OK))


@dataclass(frozen=True)
class Lines:
    """The model that reads numbers without cells, as the driver found it."""

    model: str
    digest: str
    accept_above: float


class FormLabeler:
    def __init__(self, reading: Reading, wanted: Wanted, lines: Lines) -> None:
        self._accept, self._wanted = Acceptance(reading.accept_above, lines.accept_above), wanted
        self._lines = LineReader(lines.model, reading.threads, reading.store)
        reading.check_same(lines.model, lines.digest, self._lines.digest)
        self._recognizer = reading.recognizer()

    def label(self, part: PreparedPart, start: int = 0) -> Labelled:
        recognizer, lines = self._recognizer, self._lines
        results = read_pages(part.pages, recognizer, lines, self._accept)
        digits = By(f"{recognizer.engine.name} {recognizer.engine.precision}", recognizer.model)
        rows = to_rows(results, digits, By(f"{lines.name} {lines.precision}", lines.model))
        files = dict(self._pictures(part.part, start, results))
        shown = [name_of(part.part, start + index, result) for index, result in enumerate(results)]
        return Labelled(rows, files | {evidence_name(part.part, start): evidence(results, shown)})

    def _pictures(self, part: int, start: int, results: list[PageResult]) -> Iterator[tuple[str, bytes]]:
        for index, result in enumerate(results):
            name = name_of(part, start + index, result)
            if self._wanted.overlay_of(result):
                yield f"{OVERLAY}/{name}.jpg", overlay(result)
            if self._wanted.crops and result.picture:
                yield from ((f"{CROPS}/{name}/{crop}.jpg", content) for crop, content in crops(result))


def name_of(part: int, index: int, result: PageResult) -> str:
    """Of a page's pictures: in the order of the pages, and with a name that a person knows."""
    scan = PurePosixPath(result.source).stem
    return f"{part:06d}-{index:02d}-{scan[:60]}-p{result.page}"
