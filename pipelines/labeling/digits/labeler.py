"""Labels the images of a shard; an actor of the pool holds one labeler, and that one Recognizer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.inference.outcome import Reason, ReasonCode, Status, why_unsure
from pipelines.labeling.digits.blocks import reasons_as_array
from pipelines.labeling.digits.thumbnails import GALLERY, thumbnails, thumbnails_name
from pipelines.labeling.inputs import Items
from pipelines.labeling.inputs.kept_columns import beside
from pipelines.labeling.rows import SCHEMA
from pipelines.labeling.workload import LabelledShard, ReaderConfig

NONE = "none"
"""The class of everything that is not a digit."""
NOT_A_DIGIT = Reason(ReasonCode.NOT_A_DIGIT, "it does not look like one digit")
STATUSES = (Status.OK, Status.REVIEW, Status.ERROR)


class DigitLabeler:
    def __init__(self, reader: ReaderConfig, second_opinion: bool = False) -> None:
        self._accept = reader.accept_above
        self._recognizer = reader.recognizer("always" if second_opinion else "never")
        self._classes = pa.array(self._recognizer.classes)

    def label(self, shard: Items, start: int = 0) -> LabelledShard:
        rows, least = self._label(shard)
        rows = beside(rows, shard.kept)
        kept = thumbnails(
            shard.images[least],
            rows["value"].take(least).to_pylist(),
            rows["confidence"].to_numpy()[least],
            rows["source"].take(least).to_pylist(),
        )
        return LabelledShard(rows, {thumbnails_name(shard.shard, start): kept})

    def _label(self, items: Items) -> tuple[pa.Table, np.ndarray]:
        """The rows, and which of them are the least certain."""
        readable = np.array([reason is None for reason in items.reasons]) if items.reasons else None
        images = items.images if readable is None else items.images[readable]
        reading = self._recognizer.second_look(images, self._recognizer.read_prepared(images))
        best, sure, seconded = reading.probabilities.argmax(1), reading.confidences, reading.seconded
        if readable is not None:
            best, sure = _spread(best, readable), _spread(sure, readable)
            seconded = None if seconded is None else _spread(seconded, readable)
        rows = self._rows(items, best, sure, readable, self._models(len(items), seconded))
        order = np.argsort(sure, kind="stable")
        certain = order if readable is None else order[readable[order]]
        return rows, certain[:GALLERY]

    def _models(self, count: int, seconded: np.ndarray | None) -> pa.Array:
        """Who read each item."""
        own = self._recognizer.model
        if seconded is None:
            return pa.repeat(own, count)
        return pc.if_else(pa.array(seconded), f"{own}, {self._recognizer.second_model}", own)

    def _rows(
        self, items: Items, best: np.ndarray, sure: np.ndarray, readable: np.ndarray | None, models: pa.Array
    ) -> pa.Table:
        count, unread = len(items), None if readable is None else ~readable
        names = pa.DictionaryArray.from_arrays(pa.array(best.astype(np.int8), mask=unread), self._classes)
        values = names.cast(pa.string())
        nothing = np.array([name == NONE for name in self._recognizer.classes])[best]
        doubtful = nothing | (sure < self._accept)
        status, reason = np.where(doubtful, 1, 0), np.where(nothing, 1, np.where(doubtful, 0, -1))
        codes, texts = self._reasons(reason.astype(np.int8), items)
        if readable is not None:
            status = np.where(readable, status, 2)
        engine = f"{self._recognizer.engine.name} {self._recognizer.engine.precision}"
        columns = [
            pa.repeat(items.sources, count) if isinstance(items.sources, str) else pa.array(items.sources),
            pa.nulls(count, pa.int32()),
            pa.array(items.numbers),
            pc.if_else(pa.array(nothing), pa.scalar(None, pa.string()), values),
            pa.array(sure, pa.float32(), mask=unread),
            pa.DictionaryArray.from_arrays(pa.array(status.astype(np.int8)), STATUSES).cast(pa.string()),
            codes,
            texts,
            pa.repeat(engine, count),
            models,
        ]
        return pa.Table.from_arrays(columns, schema=SCHEMA)

    def _reasons(self, which: np.ndarray, items: Items) -> tuple[pa.Array, pa.Array]:
        """The columns of codes and texts. `which` has the index of a doubt for each item, or -1."""
        doubts = (why_unsure(self._accept), NOT_A_DIGIT)
        numbers, unread = pa.array(which, mask=which < 0), reasons_as_array(items)
        codes, texts = (
            pa.DictionaryArray.from_arrays(numbers, pa.array(values, pa.string())).cast(pa.string())
            for values in ([doubt.code.value for doubt in doubts], [doubt.text for doubt in doubts])
        )
        # Not `unread.field`, which has "" where the whole struct is null.
        unread_codes, unread_texts = pc.struct_field(unread, "code"), pc.struct_field(unread, "text")
        return pc.coalesce(unread_codes, codes), pc.coalesce(unread_texts, texts)


def _spread(values: np.ndarray, readable: np.ndarray) -> np.ndarray:
    """The values of the readable items at their positions; 0 elsewhere."""
    whole = np.zeros(len(readable), values.dtype)
    whole[readable] = values
    return whole
