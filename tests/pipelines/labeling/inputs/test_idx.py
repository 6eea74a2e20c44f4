"""IDX files, plain and gz."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from pipelines.corpora.corpus import Split
from pipelines.errors import DataError
from pipelines.labeling.inputs import idx
from tests.inputs import find_input, flip, idx_bytes, names, pixels, read, reasons, shape_of, sources, touch_later
from tests.stores import refusal


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "ROWS_PER_SHARD", 4)


@pytest.fixture(params=["images-idx3-ubyte", "images-idx3-ubyte.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path, digits: Split) -> Path:
    content = idx_bytes(digits.images[:10])
    path = tmp_path / request.param
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_every_image_is_an_item_in_the_order_of_the_file(path: Path, digits: Split) -> None:
    found = find_input(str(path))
    assert (found.count, shape_of(found)) == (10, [(0, (4, 4, 2))])
    assert sources(found) == [(str(path), index) for index in range(10)]
    assert names(found) == sources(found)
    assert np.array_equal(pixels(found), digits.images[:10])
    assert reasons(found) == [None] * 10


def test_only_the_wanted_parts_and_of_these_only_the_wanted_items(path: Path, digits: Split) -> None:
    found = find_input(str(path))
    assert [items.shard for items in read(found, {0, 2})] == [0, 2]
    [items] = read(found, {1}, slice(1, 3))
    assert items.numbers.tolist() == [5, 6]
    assert np.array_equal(items.images, digits.images[5:7])


def test_images_of_another_size_are_brought_to_the_models(tmp_path: Path, digits: Split) -> None:
    large = np.kron(digits.images[:3], np.ones((1, 3, 3), np.uint8))
    (tmp_path / "large-idx3").write_bytes(idx_bytes(large))
    assert pixels(find_input(str(tmp_path / "large-idx3"))).shape == (3, 28, 28)


@pytest.mark.parametrize("missing", [1, 784, 784 * 9 + 100])
def test_a_cut_file_is_refused_with_its_numbers(path: Path, missing: int) -> None:
    content = path.read_bytes()
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(gzip.decompress(content)[:-missing]))
    else:
        path.write_bytes(content[:-missing])
    assert refusal(DataError, lambda: find_input(str(path))) == (
        f"{path}: expected 7840 bytes after the header (10 x 28 x 28), found {7840 - missing}."
    )


def test_a_gz_that_is_cut_is_refused(tmp_path: Path, digits: Split) -> None:
    path = tmp_path / "idx.gz"
    path.write_bytes(gzip.compress(idx_bytes(digits.images[:10]))[:-100])
    assert refusal(DataError, lambda: find_input(str(path))) == (
        f"{path}: the gzip data lacks its closing checksum; fetch or copy the file again."
    )


@pytest.mark.parametrize("start", [30, 1000])
def test_a_gz_that_is_damaged_is_refused(tmp_path: Path, digits: Split, start: int) -> None:
    path = tmp_path / "idx.gz"
    path.write_bytes(gzip.compress(idx_bytes(digits.images[:10])))
    said = refusal(DataError, lambda: find_input(str(flip(path, start))))
    assert said.startswith(f"{path}: the gzip data is damaged (Error -3 while decompressing data: ")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "expected an IDX header of 16 bytes, found 0 bytes"),
        (b"\x00\x00\x08\x01" + bytes(20), "expected the magic number 2051 of IDX images, found 2049"),
        (b"abc", "expected an IDX header of 16 bytes, found 3 bytes"),
    ],
)
def test_what_is_no_idx_of_images_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "labels-idx1").write_bytes(content)
    assert refusal(DataError, lambda: find_input(str(tmp_path / "labels-idx1"))) == (f"{tmp_path}/labels-idx1: {why}.")


@pytest.mark.parametrize(("height", "width"), [(0, 28), (28, 0), (0, 0)])
def test_images_without_pixels_are_refused(tmp_path: Path, height: int, width: int) -> None:
    (tmp_path / "flat-idx3").write_bytes(idx_bytes(np.zeros((3, height, width), np.uint8)))
    assert refusal(DataError, lambda: find_input(str(tmp_path / "flat-idx3"))) == (
        f"{tmp_path}/flat-idx3 says 3 images of {height} x {width}, which have no pixels."
    )


def test_the_fingerprint_changes_with_the_files_time_and_not_otherwise(path: Path) -> None:
    first = find_input(str(path)).fingerprint
    assert find_input(str(path)).fingerprint == first
    touch_later(path)
    assert find_input(str(path)).fingerprint != first
