"""Paths, patterns and URIs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyarrow import fs

from pipelines.errors import DataError, UsageError
from pipelines.files.listing import list_files
from pipelines.files.reading import Unread, changed_since, open_anywhere, open_stream, read_file
from pipelines.files.remote import (
    File,
    Location,
    display_name,
    fingerprint,
    parse_location,
)
from pipelines.labeling.inputs.seen import Seen
from tests.inputs import folder_of
from tests.stores import refusal

FILES = ("a.png", "b/1.png", "b/10.png", "b/c/2.png", "b/c/d/3.png", "e/b/4.png", "e/5.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "top", dict.fromkeys(FILES, b"x"))


def in_order(where: Location, without: Path | None = None) -> list[File]:
    return sorted(list_files(where, without), key=lambda file: file.path)


def listed(place: str, folder: Path) -> list[str]:
    return [Path(file.path).relative_to(folder).as_posix() for file in in_order(parse_location(place))]


def test_a_folder_lists_all_below_it_sorted(folder: Path) -> None:
    assert listed(str(folder), folder) == sorted(FILES)
    assert listed(f"{folder}/", folder) == sorted(FILES)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.png", ["a.png"]),
        ("*", ["a.png"]),
        ("*/*.png", ["b/1.png", "b/10.png"]),
        ("b/?.png", ["b/1.png"]),
        ("b/[0-9][0-9].png", ["b/10.png"]),
        ("**/*.png", ["a.png", "b/1.png", "b/10.png", "b/c/2.png", "b/c/d/3.png", "e/b/4.png"]),
        ("**", sorted(FILES)),
        ("b/**/*.png", ["b/1.png", "b/10.png", "b/c/2.png", "b/c/d/3.png"]),
        ("**/b/*.png", ["b/1.png", "b/10.png", "e/b/4.png"]),
        ("**/c/**/*.png", ["b/c/2.png", "b/c/d/3.png"]),
        ("*.PNG", []),
    ],
)
def test_patterns_are_understood_as_a_shell_does(pattern: str, found: list[str], folder: Path) -> None:
    assert listed(f"{folder}/{pattern}", folder) == found


@pytest.mark.parametrize("below", ["", "/b", "/*.png", "/b/**/*.png", "/**/b/*.png", "/**", "/e/5.jpg", "/*.PNG"])
def test_another_filesystem_is_listed_as_this_machine_is(below: str, folder: Path) -> None:
    folder_of(folder, {".a.png": b"x", "b/.c/2.png": b"x"})
    elsewhere = fs.SubTreeFileSystem(str(folder.parent), fs.LocalFileSystem())
    found = in_order(Location(elsewhere, f"top{below}", f"x://top{below}"))
    assert [file.path for file in found] == [f"top/{name}" for name in listed(f"{folder}{below}", folder)]
    assert all(file.size == 1 and file.changed for file in found)


@pytest.mark.parametrize("path", ["no", "no/*.png"])
def test_what_is_not_there_on_another_filesystem_is_refused(path: str, folder: Path) -> None:
    elsewhere = fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    told = refusal(UsageError, lambda: in_order(Location(elsewhere, path, f"x://{path}")))
    assert told.startswith("There is no ") and told.endswith(f"x://{path}; check the path.")


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_files_come_in_the_order_of_their_paths_without_being_held(where: str, folder: Path) -> None:
    folder_of(folder, dict.fromkeys(("b-1.png", "b.png", "b/1/x.png", "b/1-a.png", "b0.png", "e/b.png"), b"x"))
    if where == "here":
        place = parse_location(str(folder))
    else:
        place = Location(fs.SubTreeFileSystem(str(folder.parent), fs.LocalFileSystem()), "top", "x://top")
    paths = [file.path for file in list_files(place)]
    assert len(paths) == len(FILES) + 6
    assert paths == sorted(paths)


def test_what_is_hidden_is_left_out_wherever_it_lies(folder: Path) -> None:
    folder_of(folder, dict.fromkeys((".a.png", ".thumbs/1.png", "b/._1.png", "b/.c/2.png"), b"x"))
    assert listed(str(folder), folder) == sorted(FILES)
    assert listed(f"{folder}/**", folder) == sorted(FILES)
    assert listed(f"{folder}/b/**/*.png", folder) == ["b/1.png", "b/10.png", "b/c/2.png", "b/c/d/3.png"]


def test_a_hidden_place_that_is_named_is_read(folder: Path) -> None:
    inner = folder_of(folder / ".kept", {"1.png": b"x", ".2.png": b"x"})
    assert listed(str(inner), inner) == ["1.png"]
    assert listed(f"{inner}/*.png", inner) == ["1.png"]
    assert listed(str(inner / ".2.png"), inner) == [".2.png"]


@pytest.mark.parametrize("name", ["scan[1]", "what?", "a*b", "[0-9]"])
def test_a_name_that_looks_like_a_pattern_is_a_name_where_there_is_such_a_file(name: str, tmp_path: Path) -> None:
    inner = folder_of(tmp_path / name, {"1.png": b"x", f"{name}.png": b"x"})
    folder_of(tmp_path / "aXb", {"other.png": b"x"})
    assert listed(str(inner), inner) == sorted(["1.png", f"{name}.png"])
    assert listed(f"{inner}/{name}.png", inner) == [f"{name}.png"]


def test_a_pattern_may_stand_in_a_file_uri(folder: Path) -> None:
    assert listed(f"file://{folder}/**/b/*.png", folder) == ["b/1.png", "b/10.png", "e/b/4.png"]


def test_relative_paths_and_the_home_folder_are_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    assert parse_location("b/../a.png").path == parse_location("~/a.png").path == str(folder / "a.png")
    assert listed("**/c/*.png", folder) == ["b/c/2.png"]


def test_a_file_uri_and_a_path_are_the_same_place(folder: Path) -> None:
    assert parse_location(f"file://{folder}") == parse_location(str(folder))


def test_a_kind_of_uri_that_is_not_known_is_refused() -> None:
    said = refusal(UsageError, lambda: parse_location("ftp://me:secret@example.org/a"))
    assert said.startswith("'ftp://example.org/a' cannot be opened (")
    assert said.endswith("); name a path, or a URI such as s3://BUCKET/FOLDER.")


def test_the_user_and_password_of_a_uri_are_not_told() -> None:
    for uri in ("ftp://me:secret@example.org/a", "s3://me:secret@[b/x?region=a@b"):
        assert "secret" not in refusal(UsageError, lambda uri=uri: parse_location(uri))


def test_a_file_is_read_or_told_why_not(folder: Path) -> None:
    here = parse_location(str(folder)).filesystem
    [file] = list_files(parse_location(str(folder / "a.png")))
    assert read_file(here, file) == b"x"
    gone = "it cannot be read: No such file or directory"
    assert read_file(here, File(str(folder / "no.png"), 1, 1)) == Unread(gone)


@pytest.fixture(params=["here", "elsewhere"])
def place(request: pytest.FixtureRequest, folder: Path) -> Location:
    if request.param == "here":
        return parse_location(str(folder / "a.png"))
    return Location(fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem()), "a.png", "x://a.png")


def test_a_file_that_was_replaced_since_it_was_listed_is_told(place: Location, folder: Path) -> None:
    [file] = list_files(place)
    assert read_file(place.filesystem, file) == b"x" and changed_since(place.filesystem, file) is None
    (folder / "a.png").write_bytes(b"longer")
    size = Unread("it changed while it was read: it has 6 bytes, and had 1 when it was listed", changed=True)
    assert read_file(place.filesystem, file) == changed_since(place.filesystem, file) == size
    (folder / "a.png").write_bytes(b"y")
    os.utime(folder / "a.png", (2_000_000_000, 2_000_000_000))
    time = Unread("it changed while it was read: it was written to after it was listed", changed=True)
    assert read_file(place.filesystem, file) == changed_since(place.filesystem, file) == time


def test_a_pipe_is_no_file_to_wait_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    [pipe] = list_files(parse_location(f"{folder}/p*"))
    assert read_file(parse_location(str(folder)).filesystem, pipe) == Unread("it is not a regular file")


def test_fingerprints_tell_files_sizes_times_kinds_and_settings_and_are_the_same_for_the_same() -> None:
    files = [File("/a", 1, 2), File("/b", 3, 4)]
    changed = [[files[0]], files[::-1], [files[0], File("/b", 3, 5)], [files[0], File("/b", 4, 4)]]
    told = [fingerprint("zip", given, 5) for given in changed]
    told += [fingerprint("tar", files, 5), fingerprint("zip", files, 6), fingerprint("zip", files, 5)]
    assert len(set(told)) == len(told)
    assert fingerprint("zip", list(files), 5) == told[-1]


def test_a_run_does_not_take_what_it_left_itself(folder: Path) -> None:
    found = in_order(parse_location(str(folder)), folder / "b")
    assert [Path(file.path).name for file in found] == ["a.png", "5.jpg", "4.png"]
    everywhere = in_order(parse_location(f"{folder}/**/*.png"), folder / "b" / "c")
    assert [Path(file.path).name for file in everywhere] == ["a.png", "1.png", "10.png", "4.png"]
    for around in (folder, folder.parent):
        assert len(in_order(parse_location(str(folder)), around)) == len(FILES)


def test_a_file_whose_name_is_no_utf_8_is_listed_and_read_like_any_other(folder: Path) -> None:
    path = os.fsdecode(bytes(folder) + b"/b/f\xfcnf.png")
    Path(path).write_bytes(b"x")
    place = parse_location(f"{folder}/b/f*.png")
    [file] = list_files(place)
    assert file.path == path and read_file(place.filesystem, file) == b"x"
    with open_anywhere(place.filesystem, path) as opened, open_stream(place.filesystem, path) as stream:
        assert opened.read() == stream.read() == b"x"
    assert display_name(path) == parse_location(path).shown == f"{folder}/b/f\\xfcnf.png"


@pytest.mark.parametrize("way", ["{0}", "{0}/", "{0}/../top", "{0}/."])
def test_a_place_is_called_the_same_however_it_is_written(way: str, folder: Path) -> None:
    assert display_name(way.format(folder)) == parse_location(way.format(folder)).shown == str(folder)


def test_what_is_shown_of_a_uri_holds_no_password() -> None:
    assert display_name("s3://KEY:SECRET@bucket/scans") == "s3://bucket/scans"
    assert display_name("s3://KEY:SECRET@[b/x?region=a@b") == "s3://[b/x"


@pytest.mark.parametrize(
    "links", [{"up": "../"}, {"l": "."}, {"l": ".", "m": "."}, {"b/c/l": "../..", "b/m": "c/d/.."}]
)
def test_links_that_lead_round_are_followed_once(links: dict[str, str], folder: Path) -> None:
    for name, target in links.items():
        (folder / name).symlink_to(target)
    folder_of(folder.parent, {"beside/6.png": b"x"})
    beside = ["up/beside/6.png"] if "up" in links else []
    assert listed(str(folder), folder) == sorted([*FILES, *beside])
    assert listed(f"{folder}/**/*.png", folder) == sorted([*(set(FILES) - {"e/5.jpg"}), *beside])


def test_links_to_folders_are_followed_and_each_folder_is_listed_once(folder: Path) -> None:
    """By its own name where it has one here; else by the first link, in the order of the names."""
    folder_of(folder.parent / "else", {"1.png": b"x", "deep/2.png": b"x"})
    for name, target in {"a": "b/c", "x": "../else/deep", "y": "../else", "z": "y"}.items():
        (folder / name).symlink_to(target)
    assert listed(str(folder), folder) == sorted([*FILES, "x/2.png", "y/1.png"])


def test_a_pattern_that_means_a_link_finds_what_lies_behind_it(folder: Path) -> None:
    (folder / "link").symlink_to("b/c")
    assert listed(f"{folder}/l*/*.png", folder) == ["link/2.png"]
    assert listed(f"{folder}/l*/**", folder) == ["link/2.png", "link/d/3.png"]
    assert listed(f"{folder}/**/link/*", folder) == ["link/2.png"]
    assert listed(f"{folder}/[bl]*/**/3.png", folder) == ["b/c/d/3.png"]


def test_a_file_with_two_names_is_two_files(folder: Path) -> None:
    (folder / "b/0.png").symlink_to("1.png")
    (folder / "b/2.png").hardlink_to(folder / "b/1.png")
    assert listed(f"{folder}/b/*", folder) == ["b/0.png", "b/1.png", "b/10.png", "b/2.png"]


@pytest.mark.parametrize("name", ["0.png", "batch"])
@pytest.mark.parametrize(
    ("target", "why"), [("gone.png", "No such file or directory"), (None, "Too many levels of symbolic links")]
)
def test_a_link_that_leads_nowhere_is_listed_and_read_with_the_reason(
    name: str, target: str | None, why: str, folder: Path
) -> None:
    (folder / "b" / name).symlink_to(target or name)
    place = parse_location(f"{folder}/b")
    [file] = [file for file in list_files(place) if file.leads_nowhere]
    assert file.path == str(folder / "b" / name)
    assert list(Seen({".jpg"}).wanted(list_files(place))) == [file]
    told = f"it is a link to {target or name} and cannot be read: {why}"
    assert read_file(place.filesystem, file) == Unread(told)


def test_what_a_run_left_is_not_come_to_by_a_link_either(folder: Path) -> None:
    (folder / "e" / "l").symlink_to("../b")
    (folder / "e" / "out").symlink_to(folder.parent)
    found = in_order(parse_location(f"{folder}/e"), folder.parent / "top" / "b")
    names = [Path(file.path).relative_to(folder).as_posix() for file in found]
    assert names == ["e/5.jpg", "e/b/4.png", "e/out/top/a.png"]


def test_a_folder_that_cannot_be_listed_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("pipelines.files.walking.os.scandir", refused)
    assert refusal(DataError, lambda: in_order(parse_location(str(folder)))) == (
        f"{folder} cannot be listed: Permission denied."
    )
