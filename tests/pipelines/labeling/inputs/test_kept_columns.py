"""Columns of a table that are passed through to the rows of its items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipelines.corpora.corpus import Split
from pipelines.documents.limits import Limits
from pipelines.errors import DataError, UsageError
from pipelines.labeling.digits.blocks import from_block, to_block
from pipelines.labeling.forms.pages import list_scans
from pipelines.labeling.inputs import list_input, spool, tables, uris
from pipelines.labeling.inputs.base import FoundInput, ListedInput
from tests.inputs import Memory, flip, folder_of, members, read, table_of, tensors, touch_later
from tests.page_results import CARD
from tests.stores import refusal

WORDS = pa.array([f"word {row % 3}" for row in range(250)]).dictionary_encode()
NESTED = pa.array([{"a": [row], "b": b"\0"} for row in range(250)])


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_PER_SHARD", 100)
    monkeypatch.setattr(spool, "PIECE", 4)
    uris._row_group.cache_clear()


@pytest.fixture
def path(digits: Split, tmp_path: Path) -> Path:
    return table_of(tmp_path / "a.parquet", 70, picture=tensors(digits.images[:250]), words=WORDS, nested=NESTED)


def listed(path: Path, *keep: str, uri_column: str | None = None) -> ListedInput:
    return list_input(str(path), uri_column=uri_column, keep=keep)


def kept(found: FoundInput, only: slice = slice(None)) -> list[pa.Table]:
    """Of each shard, after its way to an actor."""
    shards = read(found, only=only)
    passed = [one for shard in shards for one in from_block(to_block(shard))]
    return [one.kept for one in passed if one.kept is not None]


def lost(found: FoundInput) -> list[pa.Table]:
    """As they are told of each item that is not read."""
    return [
        row
        for task in found.tasks
        for shard in task.shards
        for index in range(task.size(shard))
        if (row := found.input.kept(task, shard, index)) is not None
    ]


def test_each_item_has_the_columns_of_its_row(path: Path) -> None:
    given = listed(path, "nested", "words")
    assert given.columns == pa.schema([("nested", NESTED.type), ("words", pa.string())])
    found, expected = given.found(Memory(), map), pa.table({"nested": NESTED, "words": WORDS.cast(pa.string())})
    assert pa.concat_tables(kept(found)).equals(expected)
    assert pa.concat_tables(lost(found)).equals(expected)
    assert kept(found, slice(3, 5))[0]["nested"].to_pylist() == NESTED[3:5].to_pylist()


def test_the_column_of_images_can_be_kept_and_none_need_be(path: Path, digits: Split) -> None:
    found = listed(path, "picture").found(Memory(), map)
    whole = pa.concat_tables(kept(found))["picture"].combine_chunks()
    assert np.array_equal(whole.to_numpy_ndarray(), digits.images[:250])
    without = listed(path).found(Memory(), map)
    assert (kept(without), lost(without)) == ([], [])


def test_they_are_null_where_the_table_cannot_be_read(path: Path) -> None:
    found = listed(path, "words").found(Memory(), map)
    touch_later(path)
    assert pa.concat_tables(kept(found))["words"].null_count == 250
    again = listed(path, "words").found(Memory(), map)
    flip(path, 40)
    assert sum(map(len, kept(again))) == 250


@pytest.mark.parametrize("few", [64, 1])
def test_tables_whose_columns_differ_are_refused(
    few: int, path: Path, digits: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "FEW", few)
    images = tensors(digits.images[:2])
    other = table_of(path.parent / "b.parquet", picture=images, words=pa.array(["a", "b"]), nested=pa.nulls(2))
    assert sum(map(len, kept(listed(path.parent, "words", "nested").found(Memory(), map)))) == 252
    table_of(other, picture=images, words=pa.array([1, 2]))
    assert refusal(DataError, lambda: listed(path.parent, "words").found(Memory(), map)) == (
        f"The column 'words' of {other} is int64, and in the table before it string; cast one of them, or do not "
        "keep it."
    )


def test_what_has_no_such_column_is_refused(path: Path) -> None:
    def told(place: Path, *keep: str) -> str:
        return refusal(UsageError, lambda: listed(place, *keep))

    assert told(path, "words", "word").startswith(f"{path} has no column 'word'; it has picture (")
    png = folder_of(path.parent / "in", {"a.png": b""})
    assert told(png, "words") == (f"Only parquet has columns such as 'words'; {png} holds images. Name no column.")
    assert refusal(UsageError, lambda: list_scans(str(png), [CARD], Limits(200), keep=["words"])) == (
        "Columns such as 'words' are kept of a table that names the scans; say which of its columns does."
    )


def list_of(folder: Path, names: Sequence[str | None]) -> Path:
    numbers = pa.array(range(len(names)))
    return table_of(folder / "list.parquet", 7, file=pa.array(names), number=numbers)


def test_named_images_have_the_columns_of_the_rows_that_name_them(digits: Split, tmp_path: Path) -> None:
    folder_of(tmp_path, members(digits.images[:10]))
    path = list_of(tmp_path, [*(f"{at:05d}.png" for at in range(9)), None, "gone.png"])
    found = listed(path, "number", uri_column="file").found(Memory(), map)
    for parts in (kept(found), lost(found)):
        assert pa.concat_tables(parts)["number"].to_pylist() == list(range(11))
    assert kept(found, slice(1, 3))[0]["number"].to_pylist() == [1, 2]


def test_each_page_of_named_scans_has_the_columns_of_the_row_that_names_them(tmp_path: Path) -> None:
    for name, pages in {"b.tif": 3, "c.tif": 2}.items():
        cv2.imwritemulti(str(tmp_path / name), [np.full((20, 30), 255, np.uint8)] * pages)
    path = list_of(tmp_path, ["b.tif", None, "gone.pdf", "c.tif", "c.tif"])
    given = list_scans(str(path), [CARD], Limits(200), uri_column="file", keep=["number"])
    assert given.columns == pa.schema([("number", pa.int64())])
    found = given.found(Memory(), map)
    shards = [shard for task in found.tasks for shard in found.input.read(task, task.shards)]
    assert all(len(shard.pages) == len(shard.kept) for shard in shards)
    for parts in ([shard.kept for shard in shards], lost(found)):
        assert pa.concat_tables(parts)["number"].to_pylist() == [0, 0, 0, 1, 2, 3, 3, 4, 4]
