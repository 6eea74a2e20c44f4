from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from pipelines.corpora.corpus import Split
from pipelines.corpora.idx import read_idx, write_idx
from pipelines.errors import DataError


@pytest.fixture
def files(tmp_path: Path, digits: Split) -> tuple[Path, Path]:
    images, labels = tmp_path / "images", tmp_path / "labels"
    write_idx(digits, images, labels)
    return images, labels


def error_of(images: Path, labels: Path) -> str:
    with pytest.raises(DataError) as error:
        read_idx(images, labels)
    return str(error.value)


def test_raw_files_have_the_published_layout(files: tuple[Path, Path], digits: Split) -> None:
    images, labels = files
    assert images.read_bytes() == struct.pack(">4I", 2051, 40, 28, 28) + digits.images.tobytes()
    assert labels.read_bytes() == struct.pack(">2I", 2049, 40) + digits.labels.tobytes()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_what_is_written_is_read_back(tmp_path: Path, digits: Split, suffix: str) -> None:
    images, labels = tmp_path / f"i{suffix}", tmp_path / f"l{suffix}"
    write_idx(digits, images, labels)
    assert images.read_bytes().startswith(b"\x1f\x8b") == bool(suffix)
    assert read_idx(images, labels).fingerprint() == digits.fingerprint()


def test_gzip_is_the_same_bytes_each_time_and_known_by_content(tmp_path: Path, digits: Split) -> None:
    write_idx(digits, tmp_path / "a.gz", tmp_path / "b.gz")
    before = (tmp_path / "a.gz").read_bytes()
    assert before[4:8] == bytes(4), "a time stamp would change the file from second to second"
    (tmp_path / "b.gz").rename(tmp_path / "b.raw")
    assert read_idx(tmp_path / "a.gz", tmp_path / "b.raw").fingerprint() == digits.fingerprint()


def test_gzip_in_several_members_is_read_whole(files: tuple[Path, Path], digits: Split) -> None:
    images, labels = files
    content = images.read_bytes()
    images.write_bytes(gzip.compress(content[:1000]) + gzip.compress(content[1000:]))
    assert read_idx(images, labels).fingerprint() == digits.fingerprint()


def test_truncated(files: tuple[Path, Path]) -> None:
    images, _labels = files
    images.write_bytes(images.read_bytes()[:-100])
    assert error_of(*files) == f"{images}: expected 31360 bytes after the header (40 x 28 x 28), found 31260."


def test_over_long(files: tuple[Path, Path]) -> None:
    _images, labels = files
    labels.write_bytes(labels.read_bytes() + b"\0")
    assert error_of(*files) == f"{labels}: expected 40 bytes after the header (40), found 41."


def test_truncated_gzip_names_what_came_out_of_it(files: tuple[Path, Path]) -> None:
    images, _labels = files
    images.write_bytes(gzip.compress(images.read_bytes(), compresslevel=0)[:20_000])
    message = error_of(*files)
    assert message.startswith(f"{images}: expected 31360 bytes after the header (40 x 28 x 28), found 19")


def test_gzip_cut_in_its_checksum(files: tuple[Path, Path]) -> None:
    images, _labels = files
    images.write_bytes(gzip.compress(images.read_bytes())[:-3])
    assert error_of(*files) == f"{images}: the gzip data lacks its closing checksum; fetch or copy the file again."


def test_damaged_gzip(files: tuple[Path, Path]) -> None:
    _images, labels = files
    content = bytearray(gzip.compress(labels.read_bytes()))
    content[-6] ^= 0xFF
    labels.write_bytes(content)
    assert error_of(*files).startswith(f"{labels}: the gzip data is damaged (")


def test_labels_given_as_images(files: tuple[Path, Path]) -> None:
    images, labels = files
    assert error_of(labels, images) == f"{labels}: expected the magic number 2051 of IDX images, found 2049."
    assert error_of(images, images) == f"{images}: expected the magic number 2049 of IDX labels, found 2051."


def test_shorter_than_a_header(files: tuple[Path, Path]) -> None:
    images, _labels = files
    images.write_bytes(b"")
    assert error_of(*files) == f"{images}: expected an IDX header of 16 bytes, found 0 bytes."


def test_labels_do_not_match_images(files: tuple[Path, Path], digits: Split, tmp_path: Path) -> None:
    images, labels = files
    write_idx(Split(digits.images[:39], digits.labels[:39]), tmp_path / "fewer", labels)
    assert error_of(*files) == f"{labels}: expected 40 labels, one for each image of {images}, found 39."


def test_label_out_of_range(files: tuple[Path, Path]) -> None:
    _images, labels = files
    content = bytearray(labels.read_bytes())
    content[8 + 7] = 12
    labels.write_bytes(content)
    assert error_of(*files) == f"{labels}: label 12 of item 7 is out of range; expected 0 to 9."


def test_other_image_size(files: tuple[Path, Path]) -> None:
    images, _labels = files
    images.write_bytes(struct.pack(">4I", 2051, 40, 20, 30) + bytes(40 * 20 * 30))
    assert error_of(*files) == f"{images}: expected images of 28 x 28 pixels, found 20 x 30."


def test_labels_are_bytes(files: tuple[Path, Path]) -> None:
    assert read_idx(*files).labels.dtype == np.uint8
