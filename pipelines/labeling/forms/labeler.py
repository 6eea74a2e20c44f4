"""Labels prepared pages in an actor of the pool: rows, overlays, crops, and the evidence for the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from pipelines.forms.overlay import crops, overlay
from pipelines.forms.pipeline import read_pages
from pipelines.forms.results import Acceptance, PageResult
from pipelines.inference.line_engines import beside
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.inference.outcome import Status
from pipelines.labeling.forms.evidence import evidence, evidence_name
from pipelines.labeling.forms.pages import PreparedShard
from pipelines.labeling.forms.rows import ReadBy, to_rows
from pipelines.labeling.run_folder import CROPS, OVERLAY
from pipelines.labeling.workload import LabelledShard, ReaderConfig

Overlays = Literal["all", "review", "none"]


@dataclass(frozen=True)
class PictureOptions:
    """Which pictures a run keeps."""

    overlays: Overlays = "review"
    crops: bool = False

    def overlay_of(self, result: PageResult) -> bool:
        return bool(result.picture) and (
            self.overlays == "all" or (self.overlays == "review" and result.status != Status.OK)
        )


@dataclass(frozen=True)
class LineModel:
    """The model that reads numbers without cells, as the driver found it."""

    model: str
    digest: str
    accept_above: float


class FormLabeler:
    def __init__(self, reader: ReaderConfig, pictures: PictureOptions, lines: LineModel) -> None:
        self._accept, self._picture_options = Acceptance(reader.accept_above, lines.accept_above), pictures
        self._lines = LineRecognizer(lines.model, reader.threads, reader.store, beside(reader.engine))
        reader.check_same(lines.model, lines.digest, self._lines.digest)
        self._recognizer = reader.recognizer()

    def label(self, shard: PreparedShard, start: int = 0) -> LabelledShard:
        recognizer, lines = self._recognizer, self._lines
        results = read_pages(shard.pages, recognizer, lines, self._accept)
        digits = ReadBy(f"{recognizer.engine.name} {recognizer.engine.precision}", recognizer.model)
        rows = to_rows(results, digits, ReadBy(f"{lines.name} {lines.precision}", lines.model), shard.kept)
        files = dict(self._pictures(shard.shard, start, results))
        shown = [name_of(shard.shard, start + index, result) for index, result in enumerate(results)]
        return LabelledShard(rows, files | {evidence_name(shard.shard, start): evidence(results, shown)})

    def _pictures(self, shard: int, start: int, results: list[PageResult]) -> Iterator[tuple[str, bytes]]:
        for index, result in enumerate(results):
            name = name_of(shard, start + index, result)
            if self._picture_options.overlay_of(result):
                yield f"{OVERLAY}/{name}.jpg", overlay(result)
            if self._picture_options.crops and result.picture:
                yield from ((f"{CROPS}/{name}/{crop}.jpg", content) for crop, content in crops(result))


def name_of(shard: int, index: int, result: PageResult) -> str:
    """The name of a page's pictures: sorts in the order of the pages, and contains the name of the scan."""
    scan = PurePosixPath(result.source).stem
    return f"{shard:06d}-{index:02d}-{scan[:60]}-p{result.page}"
