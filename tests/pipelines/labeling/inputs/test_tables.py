"""Parquet files: every way in which a column may hold images, large and small row groups, nulls and damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.corpora.corpus import Split
from pipelines.errors import DataError, UsageError
from pipelines.labeling.inputs import footers, list_input, tables
from pipelines.labeling.inputs.base import FoundInput
from tests.inputs import (
    Memory,
    Spread,
    find_input,
    flip,
    names,
    pixel_lists,
    pixels,
    png,
    read,
    reasons,
    shape_of,
    sources,
    table_of,
    tensors,
    touch_later,
)
from tests.stores import refusal


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_PER_SHARD", 100)


@pytest.fixture
def images(digits: Split) -> np.ndarray:
    return digits.images[:250]


def raw(images: np.ndarray) -> pa.Array:
    return pa.array([image.tobytes() for image in images], pa.binary())


def encoded(images: np.ndarray) -> pa.Array:
    return pa.array([png(image) for image in images])


def structs(images: np.ndarray) -> pa.Array:
    return pa.array([{"bytes": png(image), "path": "x.png"} for image in images])


def fixed(images: np.ndarray) -> pa.Array:
    return raw(images).cast(pa.binary(784))


WAYS = [tensors, pixel_lists, raw, fixed, encoded, structs]
EVERY = pytest.mark.parametrize("way", WAYS)
Way = Callable[[np.ndarray], pa.Array]


def with_nulls(column: pa.Array, *rows: int) -> pa.Array:
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    taken = storage.take(pa.array([None if row in rows else row for row in range(len(storage))], pa.int64()))
    return pa.ExtensionArray.from_storage(column.type, taken) if isinstance(column, pa.ExtensionArray) else taken


@EVERY
def test_every_row_is_an_item_whatever_the_column_is(way: Way, images: np.ndarray, tmp_path: Path) -> None:
    path = table_of(tmp_path / "a.parquet", picture=way(images), label=pa.array(range(250)))
    found = find_input(str(path))
    assert (found.count, found.remarks) == (250, ("images from the column 'picture'",))
    assert sources(found) == [(str(path), row) for row in range(250)]
    assert names(found) == sources(found)
    assert np.array_equal(pixels(found), images)
    assert [items.reasons for items in read(found)] == [None] * len(read(found))


@pytest.mark.parametrize(
    ("group", "shape"),
    [
        (1000, [(0, (125, 125))]),
        (120, [(0, (120,)), (1, (120,)), (2, (10,))]),
        (7, [(0, (105,)), (1, (105,)), (2, (40,))]),
    ],
)
@EVERY
def test_large_row_groups_make_several_parts_and_tiny_ones_are_taken_together(
    way: Way, group: int, shape: list[tuple[int, tuple[int, ...]]], images: np.ndarray, tmp_path: Path
) -> None:
    found = find_input(str(table_of(tmp_path / "a.parquet", group, image=way(images))))
    assert shape_of(found) == shape
    assert np.array_equal(pixels(found), images)


def test_several_files_follow_each_other_and_their_rows_are_counted_in_each(images: np.ndarray, tmp_path: Path) -> None:
    for name, start, end in (("b/1.parquet", 90, 250), ("a.parquet", 0, 90)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        table_of(tmp_path / name, image=raw(images[start:end]))
    table_of(tmp_path / "a2.parquet", image=raw(images[:0]))
    found = find_input(str(tmp_path))
    assert shape_of(found) == [(0, (90,)), (1, (80, 80))]
    assert np.array_equal(pixels(found), images)
    assert sources(found)[90:92] == [(str(tmp_path / "b/1.parquet"), 0), (str(tmp_path / "b/1.parquet"), 1)]
    assert names(found) == sources(found)


@EVERY
def test_only_the_wanted_parts_and_of_these_only_the_wanted_items(way: Way, images: np.ndarray, tmp_path: Path) -> None:
    found = find_input(str(table_of(tmp_path / "a.parquet", image=way(images))))
    assert [items.shard for items in read(found, {1})] == [1]
    [items] = read(found, {1}, slice(10, 13))
    assert items.numbers.tolist() == [135, 136, 137]
    assert np.array_equal(items.images, images[135:138])


@EVERY
def test_nulls_are_items_with_their_reason(way: Way, images: np.ndarray, tmp_path: Path) -> None:
    found = find_input(str(table_of(tmp_path / "a.parquet", image=with_nulls(way(images), 3, 130))))
    told = reasons(found)
    assert [row for row, reason in enumerate(told) if reason] == [3, 130]
    assert {told[3], told[130]} == {"it is null"}
    assert np.array_equal(np.delete(pixels(found), [3, 130], 0), np.delete(images, [3, 130], 0))


@EVERY
def test_a_column_of_nothing_but_nulls_is_all_reasons(way: Way, images: np.ndarray, tmp_path: Path) -> None:
    found = find_input(str(table_of(tmp_path / "a.parquet", image=with_nulls(way(images[:5]), *range(5)))))
    assert reasons(found) == ["it is null"] * 5


@pytest.mark.parametrize("way", [tensors, pixel_lists])
def test_pixels_of_other_sizes_and_number_types_are_read(way: Way, images: np.ndarray, tmp_path: Path) -> None:
    large = np.kron(images[:20].astype(np.int32), np.ones((1, 2, 2), np.int32))
    found = find_input(str(table_of(tmp_path / "a.parquet", image=with_nulls(way(large), 4))))
    whole = find_input(str(table_of(tmp_path / "b.parquet", image=encoded(large.astype(np.uint8)))))
    assert np.array_equal(np.delete(pixels(found), 4, 0), np.delete(pixels(whole), 4, 0))


@pytest.mark.parametrize("nulls", [(), (2,)])
def test_an_image_with_a_pixel_that_is_null_is_an_item_with_its_reason(
    nulls: tuple[int, ...], images: np.ndarray, tmp_path: Path
) -> None:
    values: list[int | None] = images[:3].ravel().tolist()
    values[784] = None
    column = pa.FixedSizeListArray.from_arrays(pa.array(values, pa.uint8()), 784)
    found = find_input(str(table_of(tmp_path / "a.parquet", image=with_nulls(column, *nulls))))
    assert reasons(found) == [None, "some of its pixels are null", "it is null" if nulls else None]
    assert np.array_equal(pixels(found)[0], images[0])
    assert not pixels(found)[1].any()


def test_bytes_that_are_no_image_are_an_item_with_its_reason(images: np.ndarray, tmp_path: Path) -> None:
    mixed = pa.array([images[0].tobytes(), b"hello", png(images[2]), b"", None])
    found = find_input(str(table_of(tmp_path / "a.parquet", image=mixed)))
    no_image = "this is no PNG, JPEG, TIFF, BMP or WEBP image"
    assert reasons(found) == [None, no_image, None, no_image, "it is null"]
    assert np.array_equal(pixels(found)[[0, 2]], images[[0, 2]])


@EVERY
def test_damaged_pages_are_rows_with_a_reason_and_never_a_crash(way: Way, images: np.ndarray, tmp_path: Path) -> None:
    path = table_of(tmp_path / "a.parquet", 50, image=way(images))
    whole = path.read_bytes()
    # At the end stand the footer, its length, and four letters.
    pages = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    damaged = 0
    for start in range(4, pages - 16, len(whole) // 40):
        path.write_bytes(whole)
        found = find_input(str(flip(path, start)))
        told, found_pixels = reasons(found), pixels(found)
        assert len(told) == len(found_pixels) == 250
        damaged += any(told)
        assert {reason.partition(":")[0] for reason in told if reason} <= {
            "its part of the file cannot be read",
            "this is no PNG, JPEG, TIFF, BMP or WEBP image",
            "it is null",
            *(reason for reason in told if reason and reason.startswith("the image is damaged")),
        }
    assert damaged


def test_damage_costs_no_row_before_it_and_none_of_another_stretch(images: np.ndarray, tmp_path: Path) -> None:
    path = table_of(tmp_path / "a.parquet", 100, image=encoded(images))
    flip(path, path.stat().st_size // 2, 400)
    told = reasons(find_input(str(path)))
    assert told[:100] == [None] * 100
    assert any(told[100:200])
    assert told[200:] == [None] * 50


def test_a_file_that_was_replaced_by_a_shorter_one_gives_reasons_and_not_other_rows(
    images: np.ndarray, tmp_path: Path
) -> None:
    path = table_of(tmp_path / "a.parquet", image=raw(images))
    found = find_input(str(path))
    table_of(path, image=raw(images[:130]))
    told = reasons(found)
    assert len(told) == 250
    assert all(told[130:])


def test_one_of_several_fitting_columns_must_be_named(images: np.ndarray, tmp_path: Path) -> None:
    path = table_of(tmp_path / "a.parquet", front=raw(images), back=raw(images[::-1]), label=pa.array(range(250)))
    assert refusal(UsageError, lambda: find_input(str(path))) == (
        f"{path} has several columns that may hold images (front, back); name one of them."
    )
    assert np.array_equal(pixels(find_input(str(path), "back")), images[::-1])


def test_a_usual_name_is_taken_where_several_columns_fit(images: np.ndarray, tmp_path: Path) -> None:
    path = table_of(tmp_path / "a.parquet", thumb=raw(images[::-1]), Image=raw(images))
    found = find_input(str(path))
    assert found.remarks == ("images from the column 'Image'",)
    assert np.array_equal(pixels(found), images)


def test_a_column_that_is_not_there_or_holds_no_images_is_refused(images: np.ndarray, tmp_path: Path) -> None:
    path = table_of(tmp_path / "a.parquet", image=raw(images[:2]), label=pa.array([1, 2]))
    assert refusal(UsageError, lambda: find_input(str(path), "img")) == (
        f"{path} has no column 'img'; it has image (binary), label (int64)."
    )
    assert refusal(UsageError, lambda: find_input(str(path), "label")) == (
        f"The column 'label' of {path} holds no images; it is int64."
    )


@pytest.mark.parametrize("shape", [(28, 28, 2), (3, 28, 28), (0, 28), (28, 0, 3)])
def test_tensors_that_are_no_images_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    kind = pa.fixed_shape_tensor(pa.uint8(), shape)
    pixels = pa.array([[7] * int(np.prod(shape))] * 2, kind.storage_type)
    path = table_of(tmp_path / "a.parquet", image=pa.ExtensionArray.from_storage(kind, pixels))
    assert refusal(UsageError, lambda: find_input(str(path), "image")) == (
        f"The column 'image' of {path} holds no images; it is {kind}."
    )
    assert "has no column of images" in refusal(UsageError, lambda: find_input(str(path)))


@pytest.mark.parametrize("size", [16, 783])
def test_bytes_of_another_fixed_length_than_an_images_are_refused(size: int, tmp_path: Path) -> None:
    path = table_of(tmp_path / "a.parquet", image=pa.array([bytes(size)], pa.binary(size)))
    assert "has no column of images" in refusal(UsageError, lambda: find_input(str(path)))


@pytest.mark.parametrize("name", ["a", "m", "z"])
def test_a_file_whose_column_has_no_value_at_all_is_rows_with_a_reason(
    name: str, images: np.ndarray, tmp_path: Path
) -> None:
    for file in "am":
        table_of(tmp_path / f"{file}.parquet", image=raw(images[:2]))
    table_of(tmp_path / f"{name}.parquet", image=pa.nulls(3))
    found = find_input(str(tmp_path))
    empty = [row for row, (source, _) in enumerate(sources(found)) if source.endswith(f"{name}.parquet")]
    assert [row for row, reason in enumerate(reasons(found)) if reason == "it is null"] == empty
    assert len(empty) == 3


def test_a_file_without_a_column_of_images_is_refused(tmp_path: Path) -> None:
    path = table_of(tmp_path / "a.parquet", label=pa.array([1, 2]), text=pa.array(["a", "b"]))
    assert refusal(UsageError, lambda: find_input(str(path))) == (
        f"{path} has no column of images (tensors, 784 bytes, or encoded files); it has label (int64), text (string)."
    )


def test_every_file_must_have_the_column_of_the_first(images: np.ndarray, tmp_path: Path) -> None:
    table_of(tmp_path / "a.parquet", image=raw(images[:2]))
    other = table_of(tmp_path / "b.parquet", picture=raw(images[:2]))
    assert refusal(UsageError, lambda: find_input(str(tmp_path))) == (
        f"{other} has no column 'image'; it has picture (binary)."
    )


@pytest.mark.parametrize("kept", [0, 3, 500, -1])
def test_what_is_no_whole_parquet_is_refused(kept: int, images: np.ndarray, tmp_path: Path) -> None:
    path = table_of(tmp_path / "a.parquet", image=raw(images))
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(DataError, lambda: find_input(str(path))).startswith(f"{path} cannot be read as parquet: ")


def test_the_footers_of_many_files_are_read_by_tasks_and_once_for_all_starts(
    images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        table_of(tmp_path / f"{number}.parquet", image=raw(images[number * 50 :][:50]))
    few = find_input(str(tmp_path))
    monkeypatch.setattr(tables, "FEW", 3)
    monkeypatch.setattr(footers, "BATCH", 3)
    kept, spread = Memory(), Spread()
    many = list_input(str(tmp_path)).found(kept, spread)
    assert (many.tasks, many.fingerprint, spread.things) == (few.tasks, few.fingerprint, 2)
    assert list_input(str(tmp_path)).found(kept, spread).tasks == few.tasks
    assert spread.things == 2


def test_one_of_many_files_without_the_column_is_refused(
    images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "FEW", 1)
    table_of(tmp_path / "a.parquet", image=raw(images[:2]))
    other = table_of(tmp_path / "b.parquet", picture=raw(images[:2]))
    assert refusal(UsageError, lambda: find_input(str(tmp_path))) == (
        f"{other} has no column 'image'; it has picture (binary)."
    )


def test_the_fingerprint_tells_files_column_and_cut_and_nothing_else(
    images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table_of(tmp_path / "a.parquet", image=raw(images), back=raw(images))

    def ask(column: str = "image") -> FoundInput:
        return find_input(str(tmp_path), column)

    first = ask().fingerprint
    (tmp_path / "README").write_text("x")
    assert ask().fingerprint == first
    others = [ask("back").fingerprint]
    touch_later(path)
    others.append(ask().fingerprint)
    table_of(tmp_path / "b.parquet", image=raw(images[:1]), back=raw(images[:1]))
    others.append(ask().fingerprint)
    monkeypatch.setattr(tables, "ROWS_PER_SHARD", 99)
    others.append(ask().fingerprint)
    assert len({first, *others}) == 5
