"""Sums of groups merged: the same as one sum over all rows, however the rows are cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.files.storage import LocalStorage
from pipelines.labeling import run_folder
from pipelines.labeling.digits.summary import DigitTally
from pipelines.labeling.digits.thumbnails import Thumbnail, least_certain
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.forms.evidence import worst_fields
from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.labeling.forms.summary import FormTally
from pipelines.labeling.rows import SCHEMA
from pipelines.labeling.run_folder import LabelingRunFolder
from pipelines.labeling.summary import Tally, tally
from pipelines.labeling.summing import of_each, total

WHY = st.sampled_from([None, ("unreadable_file", "cut"), ("low_confidence", "unsure"), ("duplicate_page", "as a")])


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Of pages, as forms have them; digits have no more than a source."""
    found = []
    for page in range(draw(st.integers(0, 12))):
        unread = draw(st.booleans())
        for item in range(1 if unread else draw(st.integers(1, 3))):
            code, reason = draw(WHY) or (None, None)
            sure = draw(st.sampled_from([None, 0.0, 0.42, 0.999, 1.0]))
            row = {"source": f"{page // 2}.png", "page": page, "item": item, "value": draw(st.sampled_from("37"))}
            row |= {"confidence": sure, "status": draw(st.sampled_from(["ok", "review", "error"]))}
            row |= {"reason_code": code, "reason": reason, "engine": draw(st.sampled_from(["a", "b"]))}
            found.append(row | {"field": None if unread else f"f{item}", "template": None if unread else "card"})
    return found


def cut(pages: Sequence[dict[str, Any]], draw: st.DataObject) -> list[list[dict[str, Any]]]:
    """In pieces between pages."""
    starts = [at for at in range(1, len(pages)) if pages[at]["page"] != pages[at - 1]["page"]]
    chosen = [0, *(at for at in starts if draw.draw(st.booleans())), len(pages)]
    return [list(pages[start:end]) for start, end in pairwise(chosen)]


def as_told(found: Tally) -> tuple[object, ...]:
    return list(found.as_dict().items()), found.examples, getattr(found, "flagged", None)


@pytest.mark.parametrize(("make", "schema"), [(DigitTally, SCHEMA), (FormTally, FORM_SCHEMA)])
@settings(max_examples=60, deadline=None)
@given(rows=rows(), data=st.data())
def test_parts_that_are_merged_count_as_if_counted_at_once(
    make: Callable[[], Tally], schema: pa.Schema, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    def table(some: list[dict[str, Any]]) -> pa.Table:
        return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in some], schema)

    shards = [table(piece) for piece in cut(rows, data) if piece]
    merged = make()
    for part in (tally([shard], make()) for shard in shards):
        merged.merge(part)
    assert as_told(merged) == as_told(tally(shards, make()))


@settings(max_examples=30, deadline=None)
@given(sure=st.lists(st.sampled_from([0.1, 0.2, 0.3]), max_size=150), at=st.integers(0, 150))
def test_the_worst_of_parts_are_the_worst_of_all_in_the_same_order(sure: list[float], at: int) -> None:
    image = np.zeros((1, 1), np.uint8)
    all_ = [Thumbnail(one, image, str(number)) for number, one in enumerate(sure)]
    first, later = DigitTally(least=least_certain(all_[:at])), DigitTally(least=least_certain(all_[at:]))
    first.merge(later)
    assert [one.caption for one in first.least] == [one.caption for one in least_certain(all_)]
    fields = [{"status": "review", "confidence": one, "name": number} for number, one in enumerate(sure)] * 2
    form = FormTally(worst=worst_fields(fields[:at]))
    form.merge(FormTally(worst=worst_fields(fields[at:])))
    assert form.worst == worst_fields(fields)


def test_the_groups_of_a_folder_have_every_shard_once_with_what_was_kept_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "GROUP", 2)
    folder = LabelingRunFolder(LocalStorage(tmp_path), "parquet")
    for shard in (0, 1, 5, 6, 7):
        kept = {f".work/kept/{shard:06d}-{start}.npz": b"" for start in (0, 9)} if shard != 6 else {}
        folder.write(shard, pa.Table.from_pylist([{"source": str(shard), "status": "ok"}] * shard, SCHEMA), kept)
    groups = folder.groups()
    assert [group.shards for group in groups] == [(0, 1), (5, 6), (7,)]
    assert [len(group.kept) for group in groups] == [4, 2, 2]
    assert groups[1].kept == ("000005-0.npz", "000005-9.npz")
    asked: list[int] = []

    def spread(do: Callable[[Any], Any], things: Any) -> Any:
        asked.append(len(things))
        return map(do, things)

    assert [sum(len(rows) for rows in folder.shards(group)) for group in groups] == [1, 11, 7]
    counted = list(of_each(lambda group: len(group.shards), groups, spread))
    assert (counted, asked) == ([2, 2, 1], [3])
    assert list(of_each(lambda group: len(group.shards), groups[:1], spread)) == [2] and asked == [3]


def test_a_run_of_nothing_sums_up_to_nothing(tmp_path: Path) -> None:
    found = total(DigitWorkload().tally, LabelingRunFolder(LocalStorage(tmp_path), "csv"), map)
    assert (found.items, found.least) == (0, [])
