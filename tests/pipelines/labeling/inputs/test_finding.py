"""What is named is recognised, the same digits are the same items whatever holds them, and the rest is refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.corpora.corpus import Split
from pipelines.errors import UsageError
from tests.inputs import (
    find_input,
    folder_of,
    idx_bytes,
    members,
    pixel_lists,
    pixels,
    png,
    reasons,
    sources,
    table_of,
    tar_of,
    tensors,
    zip_of,
)
from tests.stores import refusal

EXPECTED = "expected images (png, jpeg, tiff, bmp, webp), parquet, IDX, zip or tar"


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


PLACES: dict[str, tuple[str, Callable[[Path, np.ndarray], Path]]] = {
    "folder": ("images", lambda tmp, images: folder_of(tmp / "png", members(images))),
    "zip": ("zip", lambda tmp, images: zip_of(tmp / "a.zip", members(images))),
    "tar": ("tar", lambda tmp, images: tar_of(tmp / "a.tar", members(images))),
    "tar.gz": ("tar", lambda tmp, images: tar_of(tmp / "a.tar.gz", members(images))),
    "idx": ("idx", lambda tmp, images: _written(tmp / "x-idx3-ubyte", idx_bytes(images))),
    "idx.gz": ("idx", lambda tmp, images: _written(tmp / "x-idx3.gz", gzip.compress(idx_bytes(images)))),
    "tensors": ("parquet", lambda tmp, images: table_of(tmp / "a.parquet", image=tensors(images))),
    "lists": ("parquet", lambda tmp, images: table_of(tmp / "a.parquet", image=pixel_lists(images))),
    "raw": ("parquet", lambda tmp, images: table_of(tmp / "a.parquet", image=pa.array([i.tobytes() for i in images]))),
    "encoded": ("parquet", lambda tmp, images: table_of(tmp / "a.parquet", image=pa.array([png(i) for i in images]))),
    "structs": (
        "parquet",
        lambda tmp, images: table_of(tmp / "a.parquet", image=pa.array([{"bytes": png(i)} for i in images])),
    ),
}
EVERY = pytest.mark.parametrize("place", PLACES)


@EVERY
def test_the_same_digits_are_the_same_images_whatever_holds_them(place: str, digits: Split, tmp_path: Path) -> None:
    kind, write = PLACES[place]
    found = find_input(str(write(tmp_path, digits.images[:300])))
    assert (found.input.kind, found.count) == (kind, 300)
    assert np.array_equal(pixels(found), digits.images[:300])
    assert reasons(found) == [None] * 300


@EVERY
def test_a_file_uri_is_the_same_place_as_its_path(place: str, digits: Split, tmp_path: Path) -> None:
    path = PLACES[place][1](tmp_path, digits.images[:5])
    by_path, by_uri = find_input(str(path)), find_input(path.as_uri())
    assert by_uri.fingerprint == by_path.fingerprint
    assert sources(by_uri) == sources(by_path)
    assert np.array_equal(pixels(by_uri), digits.images[:5])


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(UsageError, lambda: find_input(str(tmp_path / "no"))) == (
        f"There is no {tmp_path}/no; check the path."
    )
    assert refusal(UsageError, lambda: find_input(str(tmp_path / "no" / "*.png"))) == (
        f"There is no folder {tmp_path}/no for the pattern {tmp_path}/no/*.png; check the path."
    )


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(UsageError, lambda: find_input(str(tmp_path))) == f"{tmp_path} holds no files; {EXPECTED}."


def test_a_pattern_that_fits_nothing_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, {"a.png": b"x"})
    assert refusal(UsageError, lambda: find_input(f"{tmp_path}/*.jpg")) == (
        f"{tmp_path}/*.jpg holds no files; {EXPECTED}."
    )


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, {"a.txt": b"x", "b.csv": b"x", "c/d.doc": b"x", "e": b"x"})
    assert refusal(UsageError, lambda: find_input(str(tmp_path))) == (
        f"{tmp_path} holds no images among its 4 files (a.txt, b.csv, d.doc...); {EXPECTED}."
    )


def test_a_folder_of_both_parquet_and_images_is_refused(digits: Split, tmp_path: Path) -> None:
    folder_of(tmp_path, members(digits.images[:2]))
    table_of(tmp_path / "a.parquet", image=tensors(digits.images[:3]))
    assert refusal(UsageError, lambda: find_input(str(tmp_path))) == (
        f"{tmp_path} holds both 1 parquet files and 2 images; name one kind, as in '{tmp_path}/**/*.parquet'."
    )
    assert find_input(f"{tmp_path}/**/*.parquet").count == 3
    assert find_input(f"{tmp_path}/*.png").count == 2


def test_a_kind_of_file_that_is_not_known_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, {"idx/scan.pdf": b"x"})
    assert refusal(UsageError, lambda: find_input(f"{tmp_path}/idx/scan.pdf")) == (
        f"{tmp_path}/idx/scan.pdf is no kind of file that is known here; {EXPECTED}, named as such."
    )


@pytest.mark.parametrize("place", [place for place, (kind, _) in PLACES.items() if kind != "parquet"])
def test_a_column_is_refused_for_all_but_parquet(place: str, digits: Split, tmp_path: Path) -> None:
    kind, write = PLACES[place]
    path = write(tmp_path, digits.images[:2])
    assert refusal(UsageError, lambda: find_input(str(path), "image")) == (
        f"Only parquet has columns such as 'image'; {path} holds {kind}. Name no column."
    )


@pytest.mark.parametrize("place", [place for place in PLACES if place not in ("folder", "encoded", "structs")])
def test_what_holds_nothing_is_refused(place: str, digits: Split, tmp_path: Path) -> None:
    kind, write = PLACES[place]
    if place in ("raw", "tensors"):
        path = table_of(tmp_path / "a.parquet", image=pa.array([], pa.binary()))
    elif place == "zip":
        path = zip_of(tmp_path / "a.zip", {"a.txt": b"x"})
    else:
        path = write(tmp_path, digits.images[:0])
    told = {
        "parquet": "its parquet has no rows",
        "idx": "its header declares 0 images",
        "zip": "there are no images (png, jpeg, tiff, bmp, webp) in the zip file",
        "tar": "there are no images (png, jpeg, tiff, bmp, webp) in the tar file",
    }
    assert refusal(UsageError, lambda: find_input(str(path))) == f"{path} holds nothing to label: {told[kind]}."
