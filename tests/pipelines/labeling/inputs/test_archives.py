"""Zip and tar files: a damaged member is an item with a reason, a damaged archive is refused."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import fs

from pipelines.corpora.corpus import Split
from pipelines.errors import DataError
from pipelines.files.reading import open_anywhere
from pipelines.labeling.inputs import archives, list_input
from tests.inputs import (
    Files,
    Memory,
    find_input,
    flip,
    members,
    names,
    pixels,
    read,
    reasons,
    shape_of,
    sources,
    tar_of,
    touch_later,
    zip_of,
)
from tests.stores import refusal

EVERY = pytest.mark.parametrize(
    ("file", "write"), [("a.zip", zip_of), ("a.tar", tar_of), ("a.tar.gz", tar_of), ("a.tar.xz", tar_of)]
)
Write = Callable[[Path, Files], Path]
T = TypeVar("T")
R = TypeVar("R")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FILES_PER_SHARD", 4)


@pytest.fixture
def files(digits: Split) -> dict[str, bytes]:
    """In another order than that of their names, since an archive has its own."""
    return dict(reversed(members(digits.images[:10]).items()))


@EVERY
def test_members_are_items_in_the_order_of_the_archive(
    file: str, write: Write, files: dict[str, bytes], digits: Split, tmp_path: Path
) -> None:
    found = find_input(str(write(tmp_path / file, files)))
    assert found.count == 10
    assert sources(found) == [(f"{tmp_path / file}!{index:05d}.png", 0) for index in reversed(range(10))]
    assert names(found) == sources(found)
    assert np.array_equal(pixels(found), digits.images[9::-1])


def test_each_part_of_a_zip_is_a_task_and_a_tar_is_read_from_end_to_end(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    assert shape_of(find_input(str(zip_of(tmp_path / "a.zip", files)))) == [(0, (4,)), (1, (4,)), (2, (2,))]
    assert shape_of(find_input(str(tar_of(tmp_path / "a.tar", files)))) == [(0, (4, 4, 2))]


@EVERY
def test_a_task_counts_what_is_in_a_large_one_and_a_later_start_does_not_count_again(
    file: str, write: Write, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = str(write(tmp_path / file, files))
    counted_here = find_input(place)
    monkeypatch.setattr(archives, "LARGE", 0)
    listed, kept, asked = list_input(place), Memory(), list[object]()

    def spread(do: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
        for thing in things:
            asked.append(thing)
            yield do(thing)

    found, again = listed.found(kept, spread), listed.found(kept, spread)
    assert len(asked) == 1
    assert found.tasks == again.tasks == counted_here.tasks
    assert found.fingerprint == counted_here.fingerprint
    assert np.array_equal(pixels(found), pixels(counted_here))


@EVERY
def test_only_the_wanted_parts_are_read_and_of_these_only_the_wanted_items(
    file: str, write: Write, files: dict[str, bytes], digits: Split, tmp_path: Path
) -> None:
    found = find_input(str(write(tmp_path / file, files)))
    assert [items.shard for items in read(found, {0, 2})] == [0, 2]
    [items] = read(found, {1}, slice(1, 3))
    assert items.sources == [f"{tmp_path / file}!0000{index}.png" for index in (4, 3)]
    assert np.array_equal(items.images, digits.images[[4, 3]])


@EVERY
def test_a_process_reads_the_directory_once_for_all_its_tasks(
    file: str, write: Write, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_input(str(write(tmp_path / file, files)))
    opened: list[str] = []

    def counted(filesystem: fs.FileSystem, path: str) -> pa.NativeFile:
        opened.append(path)
        return open_anywhere(filesystem, path)

    monkeypatch.setattr(archives, "open_anywhere", counted)
    assert len(sources(found)) == len(names(found)) == 10
    assert opened == [str(tmp_path / file)]


@EVERY
def test_what_is_no_image_or_hidden_is_left_out(
    file: str, write: Write, files: dict[str, bytes], tmp_path: Path
) -> None:
    found = find_input(
        str(write(tmp_path / file, files | {"a.txt": b"x", "__MACOSX/._00001.png": b"x", ".b.png": b"x"}))
    )
    assert found.count == 10


@EVERY
def test_a_member_that_is_no_image_is_an_item_with_its_reason(
    file: str, write: Write, files: dict[str, bytes], digits: Split, tmp_path: Path
) -> None:
    found = find_input(str(write(tmp_path / file, files | {"00005.png": b"hello"})))
    assert reasons(found) == [None] * 4 + ["this is no PNG, JPEG, TIFF, BMP or WEBP image"] + [None] * 5
    assert np.array_equal(pixels(found)[5:], digits.images[4::-1])


def test_a_member_whose_bytes_changed_is_an_item_with_its_reason(files: dict[str, bytes], tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", files)
    flip(path, path.read_bytes().index(files["00005.png"]) + 50)
    told = reasons(find_input(str(path)))
    assert told[4] == "it cannot be unpacked: Bad CRC-32 for file '00005.png'"
    assert told[:4] + told[5:] == [None] * 9


def test_a_member_that_does_not_inflate_is_an_item_with_its_reason(files: dict[str, bytes], tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", files, zipfile.ZIP_DEFLATED)
    flip(path, path.read_bytes().index(b"00005.png") + 9, 8)
    told = reasons(find_input(str(path)))
    assert told[4] is not None and told[4].startswith("it cannot be unpacked: ")
    assert told[:4] + told[5:] == [None] * 9


@EVERY
def test_a_member_that_is_too_large_is_not_unpacked(
    file: str, write: Write, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER", 2_000)
    found = find_input(str(write(tmp_path / file, files | {"00005.png": bytes(3_000)})))
    assert reasons(found)[4] == "it has 3,000 bytes, more than the limit of 2,000"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@EVERY
def test_members_of_one_name_are_items_of_their_own(
    file: str, write: Write, files: dict[str, bytes], digits: Split, tmp_path: Path
) -> None:
    path = write(tmp_path / file, [(name.replace("00007", "00003"), content) for name, content in files.items()])
    found = find_input(str(path))
    assert found.count == 10
    assert sources(found)[2] == (f"{path}!00003.png", 0)
    assert sources(found)[6] == (f"{path}!00003.png", 1)
    assert names(found) == sources(found)
    assert np.array_equal(pixels(found), digits.images[9::-1])


@EVERY
def test_a_cut_archive_is_refused(file: str, write: Write, files: dict[str, bytes], tmp_path: Path) -> None:
    path = write(tmp_path / file, files)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    kind = "zip" if file == "a.zip" else "tar"
    said = refusal(DataError, lambda: find_input(str(path)))
    assert said.startswith(f"{path} cannot be read as a {kind} file: ")


@EVERY
def test_what_is_no_archive_is_refused(file: str, write: Write, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(b"hello" * 300)
    kind = "zip" if file == "a.zip" else "tar"
    said = refusal(DataError, lambda: find_input(str(tmp_path / file)))
    assert said.startswith(f"{tmp_path / file} cannot be read as a {kind} file: ")


def test_a_tar_with_a_damaged_header_is_refused_and_not_taken_for_its_end(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    path = tar_of(tmp_path / "a.tar", files)
    start = path.read_bytes().index(b"00005.png")
    flip(path, start + 100, 300)
    assert refusal(DataError, lambda: find_input(str(path))) == (
        f"{path} cannot be read as a tar file: there is no header of a member at byte {start:,}."
    )


def test_a_tar_that_is_cut_within_a_header_is_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", files)
    start = path.read_bytes().index(b"00005.png")
    path.write_bytes(path.read_bytes()[: start + 200])
    assert refusal(DataError, lambda: find_input(str(path))) == (
        f"{path} cannot be read as a tar file: there is no header of a member at byte {start:,}."
    )


@pytest.mark.parametrize("where", ["in the middle", "in its checksum"])
def test_a_tar_that_does_not_inflate_to_what_was_packed_is_refused(
    files: dict[str, bytes], tmp_path: Path, where: str
) -> None:
    path = tar_of(tmp_path / "plain.tar", files)
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    size = packed.stat().st_size
    flip(packed, *((size // 2,) if where == "in the middle" else (size - 8, 4)))
    said = refusal(DataError, lambda: find_input(str(packed)))
    assert said.startswith(f"{packed} cannot be read as a tar file: ")


@EVERY
def test_the_fingerprint_changes_with_the_files_time_or_size_and_not_otherwise(
    file: str, write: Write, files: dict[str, bytes], tmp_path: Path
) -> None:
    path = write(tmp_path / file, files)
    first = find_input(str(path)).fingerprint
    assert find_input(str(path)).fingerprint == first
    touch_later(path)
    second = find_input(str(path)).fingerprint
    changed = path.stat().st_mtime_ns
    write(path, files | {"more.png": b"x" * 20_000})
    touch_later(path)
    assert path.stat().st_mtime_ns != changed
    assert len({first, second, find_input(str(path)).fingerprint}) == 3


def test_links_in_a_tar_are_items_too(files: dict[str, bytes], digits: Split, tmp_path: Path) -> None:
    """Two names of one file are packed as a file and a link to it."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "0.png", files["00000.png"])
        link(archive, "1.png", "0.png", tarfile.LNKTYPE)
        link(archive, "2.png", "0.png", tarfile.SYMTYPE)
        link(archive, "3.png", "gone.png", tarfile.SYMTYPE)
    found = find_input(str(path))
    assert [source for source, _ in sources(found)] == [f"{path}!{index}.png" for index in range(4)]
    assert np.array_equal(pixels(found)[:3], digits.images[[0, 0, 0]])
    told = reasons(found)
    assert told[:3] == [None] * 3
    assert str(told[3]).startswith("it cannot be unpacked: ")


def test_a_link_to_what_is_too_large_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER", 2_000)
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "large.dat", bytes(2_001))
        link(archive, "0.png", "large.dat", tarfile.LNKTYPE)
    assert reasons(find_input(str(path))) == ["it cannot be unpacked: large.dat has more bytes than the limit of 2,000"]


def test_a_name_that_is_no_utf_8_is_told_in_signs_that_are(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as archive:
        add(archive, "f\xfcnf.png", files["00005.png"])
    found = find_input(str(path))
    assert [source for source, _ in sources(found)] == [f"{path}!f\\xfcnf.png"]
    assert reasons(found) == [None]


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def link(archive: tarfile.TarFile, name: str, to: str, kind: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    archive.addfile(member)
