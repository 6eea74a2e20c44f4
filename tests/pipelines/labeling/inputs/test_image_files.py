"""Folders and globs of image files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from pipelines.corpora.corpus import Split
from pipelines.errors import DataError
from pipelines.images import to_model_input
from pipelines.labeling.inputs import base, image_files, list_input, spool
from tests.inputs import (
    Memory,
    find_input,
    folder_of,
    members,
    names,
    pixels,
    read,
    reasons,
    shape_of,
    sources,
    touch_later,
)
from tests.stores import refusal


@pytest.fixture
def folder(tmp_path: Path, digits: Split) -> Path:
    return folder_of(tmp_path / "digits", members(digits.images[:10]))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_files, "FILES_PER_SHARD", 4)


def test_every_file_is_an_item_in_the_order_of_the_paths(folder: Path, digits: Split) -> None:
    found = find_input(str(folder))
    assert (found.count, found.remarks) == (10, ())
    assert sources(found) == [(str(folder / f"{index:05d}.png"), 0) for index in range(10)]
    assert np.array_equal(pixels(found), digits.images[:10])
    assert [items.reasons for items in read(found)] == [None] * 3


def test_files_in_folders_below_are_found_too(folder: Path, digits: Split) -> None:
    folder_of(folder, {"00003/deep/x.PNG": members(digits.images[50:51])["00000.png"]})
    found = find_input(str(folder))
    assert [source for source, _ in sources(found)][3:5] == [
        str(folder / "00003.png"),
        str(folder / "00003/deep/x.PNG"),
    ]
    assert np.array_equal(pixels(found)[4], digits.images[50])


def test_parts_are_consecutive_and_every_part_is_a_task_of_its_own(folder: Path) -> None:
    assert shape_of(find_input(str(folder))) == [(0, (4,)), (1, (4,)), (2, (2,))]


def test_only_the_wanted_parts_are_read_and_of_these_only_the_wanted_items(folder: Path, digits: Split) -> None:
    found = find_input(str(folder))
    assert [items.shard for items in read(found, {0, 2})] == [0, 2]
    (folder / "00004.png").unlink()
    [items] = read(found, {1}, slice(1, 3))
    assert items.sources == [str(folder / "00005.png"), str(folder / "00006.png")]
    assert np.array_equal(items.images, digits.images[5:7])
    assert items.reasons is None


def test_names_are_known_without_reading(folder: Path) -> None:
    found = find_input(str(folder))
    assert names(found) == sources(found)


def test_what_is_no_image_by_its_name_is_left_out_with_a_remark(folder: Path) -> None:
    folder_of(folder, {"notes.txt": b"x", "more/README": b"x"})
    found = find_input(str(folder))
    assert found.count == 10
    assert found.remarks == ("2 files are no images by their names and are left out",)


def test_one_file_will_do(folder: Path, digits: Split) -> None:
    found = find_input(str(folder / "00007.png"))
    assert shape_of(found) == [(0, (1,))]
    assert np.array_equal(pixels(found), digits.images[7:8])


def test_a_damaged_file_is_an_item_with_its_reason_and_its_neighbours_are_read(folder: Path, digits: Split) -> None:
    whole = (folder / "00001.png").read_bytes()
    (folder / "00001.png").write_bytes(whole[:60])
    (folder / "00002.png").write_bytes(b"")
    (folder / "00003.png").write_bytes(b"hello")
    found = find_input(str(folder))
    told = reasons(found)
    no_image = "this is no PNG, JPEG, TIFF, BMP or WEBP image"
    assert told[1] is not None and told[1].startswith("the image is damaged (")
    assert told[2:4] == [no_image, no_image]
    assert told[:1] + told[4:] == [None] * 7
    assert not pixels(found)[1:4].any()
    assert np.array_equal(pixels(found)[[0, *range(4, 10)]], digits.images[[0, *range(4, 10)]])


def test_a_link_that_leads_nowhere_is_an_item_with_its_reason_whatever_it_is_called(folder: Path) -> None:
    (folder / "00002a.png").symlink_to("gone.png")
    (folder / "more").symlink_to("/gone")
    (folder / "self").symlink_to("self")
    found = find_input(str(folder))
    assert found.count == 13
    told = {Path(source).name: reason for (source, _), reason in zip(sources(found), reasons(found), strict=True)}
    assert {name: reason for name, reason in told.items() if reason} == {
        "00002a.png": "it is a link to gone.png and cannot be read: No such file or directory",
        "more": "it is a link to /gone and cannot be read: No such file or directory",
        "self": "it is a link to self and cannot be read: Too many levels of symbolic links",
    }


def test_a_file_that_vanished_since_is_an_item_with_its_reason(folder: Path) -> None:
    found = find_input(str(folder))
    (folder / "00006.png").unlink()
    assert reasons(found)[6] == "it cannot be read: No such file or directory"


def test_a_file_whose_name_is_no_utf_8_is_an_item_whose_source_can_be_printed(folder: Path, digits: Split) -> None:
    (folder / "00003.png").rename(os.fsdecode(bytes(folder) + b"/00003\xfc.png"))
    found = find_input(str(folder))
    assert sources(found)[3] == names(found)[3] == (f"{folder}/00003\\xfc.png", 0)
    assert np.array_equal(pixels(found), digits.images[:10])


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "PNG"])
def test_a_file_of_several_pages_is_an_item_that_says_so(kind: str, folder: Path, digits: Split) -> None:
    pages = [Image.fromarray(digits.images[index]) for index in (5, 6, 7)]
    pages[0].save(folder / "00005.png", kind, save_all=True, append_images=pages[1:])
    told = reasons(find_input(str(folder)))
    assert told[5] == "the file has 3 pages; save each as a file of its own"
    assert told[:5] + told[6:] == [None] * 9


def test_a_preview_within_a_tiff_is_no_page(folder: Path, digits: Split) -> None:
    page = Image.fromarray(digits.images[5])
    with TiffImagePlugin.AppendingTiffWriter(str(folder / "00005.tif"), new=True) as file:  # type: ignore[no-untyped-call]
        page.save(file, "TIFF")
        file.newFrame()  # type: ignore[no-untyped-call]
        page.resize((7, 7)).save(file, "TIFF", tiffinfo={254: 1})
    found = find_input(str(folder / "*.tif"))
    assert reasons(found) == [None]
    assert np.array_equal(pixels(found), digits.images[5:6])


def test_the_fingerprint_changes_with_a_files_time_or_size_and_not_otherwise(folder: Path) -> None:
    first = find_input(str(folder)).fingerprint
    folder_of(folder, {"notes.txt": b"x"})
    assert find_input(str(folder)).fingerprint == first
    touch_later(folder / "00003.png")
    second = find_input(str(folder)).fingerprint
    (folder / "00003.png").unlink()
    assert len({first, second, find_input(str(folder)).fingerprint}) == 3


def test_a_long_list_is_kept_for_the_tasks_which_name_only_places_in_it(
    folder: Path, digits: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "00003.png").rename(os.fsdecode(bytes(folder) + b"/00003\xfc.png"))
    short = find_input(str(folder))
    monkeypatch.setattr(spool, "PIECE", 6)
    kept = Memory()
    long = list_input(str(folder)).found(kept, map)
    assert shape_of(long) == [(0, (4,)), (1, (2,)), (2, (4,))]
    assert all("png" not in repr(task) for task in long.tasks)
    assert sources(long) == names(long) == sources(short)
    assert np.array_equal(pixels(long), digits.images[:10])
    assert long.fingerprint == short.fingerprint
    assert {name.partition("/")[0] for name in kept.contents} == {long.fingerprint}


def test_a_list_that_is_gone_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "PIECE", 6)
    kept = Memory()
    found = list_input(str(folder)).found(kept, map)
    kept.contents.clear()
    assert refusal(DataError, lambda: read(found)) == (
        "Piece 0 of the list of files that the run keeps in its output is gone; start the run afresh."
    )


def test_the_fingerprint_tells_how_the_input_is_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find_input(str(folder)).fingerprint
    monkeypatch.setattr(image_files, "FILES_PER_SHARD", 5)
    assert find_input(str(folder)).fingerprint != first


def test_large_pictures_are_not_all_held_in_their_full_size(
    folder: Path, digits: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []

    def watched(images: list[np.ndarray]) -> np.ndarray:
        at_once.append(len(images))
        return to_model_input(images)

    monkeypatch.setattr(base, "to_model_input", watched)
    monkeypatch.setattr(base, "HELD", digits.images[0].nbytes)
    assert np.array_equal(pixels(find_input(str(folder))), digits.images[:10])
    assert max(at_once) == 2
