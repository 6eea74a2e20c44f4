"""Tables whose rows name images or scans, wherever these lie."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipelines.corpora.corpus import Split
from pipelines.documents.limits import Limits
from pipelines.errors import DataError, UsageError
from pipelines.labeling.forms.pages import list_scans
from pipelines.labeling.inputs import list_input, spool, uris
from pipelines.labeling.inputs.base import FoundInput
from tests.inputs import Memory, folder_of, members, names, pixels, read, reasons, sources, table_of, touch_later
from tests.page_results import CARD
from tests.stores import refusal


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "PIECE", 4)
    uris._row_group.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, digits: Split) -> Path:
    return folder_of(tmp_path / "digits", members(digits.images[:10]))


def listed(folder: Path, *names: str | None, rows_of_group: int = 7) -> FoundInput:
    path = table_of(folder / "list.parquet", rows_of_group, file=pa.array(names, pa.string()))
    return list_input(str(path), uri_column="file").found(Memory(), map)


@pytest.mark.parametrize("group", [100, 7, 3])
def test_every_row_is_an_item_in_the_order_of_the_table(group: int, folder: Path, digits: Split) -> None:
    order = [3, 1, 4, 1, 5, 9, 2, 6]
    found = listed(folder, *(f"{index:05d}.png" for index in order), rows_of_group=group)
    assert found.count == 8 and found.remarks == ("images that the column 'file' names",)
    assert sources(found) == names(found) == [(str(folder / f"{index:05d}.png"), 0) for index in order]
    assert np.array_equal(pixels(found), digits.images[order])
    assert all("png" not in repr(task) for task in found.tasks)


def test_rows_name_files_by_path_and_by_uri_and_what_cannot_be_read_is_an_error_row(
    folder: Path, digits: Split
) -> None:
    found = listed(
        folder,
        "00003.png",
        str(folder / "00004.png"),
        f"file://{folder}/00005.png",
        "gone.png",
        None,
        "ftp://me:secret@example.org/a.png",
    )
    assert [source for source, _ in sources(found)] == [
        *(str(folder / f"0000{index}.png") for index in (3, 4)),
        f"file://{folder}/00005.png",
        str(folder / "gone.png"),
        f"{folder}/list.parquet#4",
        "ftp://example.org/a.png",
    ]
    told = reasons(found)
    assert told[:3] == [None] * 3
    assert told[3:5] == ["it cannot be read: No such file or directory", "the table names no file"]
    assert str(told[5]).startswith("it cannot be opened: ") and "secret" not in str(told[5])
    assert np.array_equal(pixels(found)[:3], digits.images[3:6])


def test_a_table_in_another_folder_of_several_names_what_lies_beside_it(folder: Path, digits: Split) -> None:
    for name in ("a", "b"):
        inner = folder_of(folder / name, members(digits.images[20:21]))
        table_of(inner / "list.parquet", file=pa.array(["00000.png", "../00001.png"]))
    found = list_input(str(folder / "*" / "*.parquet"), uri_column="file").found(Memory(), map)
    assert np.array_equal(pixels(found), digits.images[[20, 1, 20, 1]])


def test_the_pages_of_named_scans_are_counted_and_read(tmp_path: Path) -> None:
    for name, pages in {"b.tif": 3, "plain": 2}.items():
        cv2.imwritemulti(str(tmp_path / "scan.tif"), [np.full((20, 30), 255, np.uint8)] * pages)
        (tmp_path / "scan.tif").rename(tmp_path / name)
    path = table_of(tmp_path / "list.parquet", file=pa.array(["b.tif", "plain", "gone.pdf", None]))
    found = list_scans(str(path), [CARD], Limits(200), uri_column="file").found(Memory(), map)
    pages = [page for task in found.tasks for shard in found.input.read(task, task.shards) for page in shard.pages]
    assert [(page.source.removeprefix(f"{tmp_path}/"), page.page) for page in pages] == [
        *(("b.tif", page) for page in (1, 2, 3)),
        *(("plain", page) for page in (1, 2)),
        *(("gone.pdf", 1), ("list.parquet#3", 1)),
    ]
    assert [str(page.reason) for page in pages[-2:]] == [
        "it cannot be read: No such file or directory",
        "the table names no file",
    ]


def test_a_table_that_changed_since_ends_the_run(folder: Path) -> None:
    found = listed(folder, "00003.png")
    touch_later(folder / "list.parquet")
    assert refusal(DataError, lambda: read(found)) == (
        f"{folder}/list.parquet is not the table any more that the run listed; start the run afresh."
    )


def test_the_fingerprint_tells_the_table_and_the_column(folder: Path) -> None:
    path = table_of(folder / "list.parquet", file=pa.array(["a"]), other=pa.array(["b"]))
    first, second = (list_input(str(path), uri_column=name).fingerprint for name in ("file", "other"))
    assert first == list_input(str(path), uri_column="file").fingerprint != second
    touch_later(path)
    assert list_input(str(path), uri_column="file").fingerprint != first


def test_what_names_nothing_is_refused(folder: Path) -> None:
    path = table_of(folder / "list.parquet", file=pa.array(["a"]), label=pa.array([1]))

    def told(place: Path, uri_column: str = "file", column: str | None = None) -> str:
        return refusal(UsageError, lambda: list_input(str(place), column, uri_column=uri_column))

    assert told(path, "uri") == f"{path} has no column 'uri'; it has file (string), label (int64)."
    assert told(path, "label") == f"The column 'label' of {path} holds no URIs or paths, which are text; it is int64."
    assert told(path, column="file") == "Images are in a column or named in one; name one column."
    assert told(folder / "00001.png").endswith("holds no parquet table whose column could name files.")
    empty = table_of(folder / "empty.parquet", file=pa.array([], pa.string()))
    assert told(empty) == f"{empty} holds nothing to label: its parquet has no rows."
