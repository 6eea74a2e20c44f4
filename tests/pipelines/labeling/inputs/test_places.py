"""Paths, patterns and URIs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.errors import DataError, UsageError
from pipelines.labeling.inputs.places import File, fingerprint, list_files, parse, read_file, shown
from tests.inputs import folder_of
from tests.stores import refusal

FILES = ("a.png", "b/1.png", "b/10.png", "b/c/2.png", "b/c/d/3.png", "e/b/4.png", "e/5.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "top", dict.fromkeys(FILES, b"x"))


def listed(place: str, folder: Path) -> list[str]:
    return [Path(file.path).relative_to(folder).as_posix() for file in list_files(parse(place))]


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
    assert parse("b/../a.png").path == parse("~/a.png").path == str(folder / "a.png")
    assert listed("**/c/*.png", folder) == ["b/c/2.png"]


def test_a_file_uri_and_a_path_are_the_same_place(folder: Path) -> None:
    assert parse(f"file://{folder}") == parse(str(folder))


def test_a_kind_of_uri_that_is_not_known_is_refused() -> None:
    said = refusal(UsageError, lambda: parse("ftp://me:secret@example.org/a"))
    assert said.startswith("'ftp://example.org/a' cannot be opened (")
    assert said.endswith("); name a path, or an URI such as s3://BUCKET/FOLDER.")


def test_the_user_and_password_of_an_uri_are_not_told() -> None:
    assert "secret" not in refusal(UsageError, lambda: parse("ftp://me:secret@example.org/a"))


def test_a_file_is_read_or_told_why_not(folder: Path) -> None:
    here = parse(str(folder)).filesystem
    assert read_file(here, str(folder / "a.png")) == b"x"
    assert read_file(here, str(folder / "no.png")) == "it cannot be read: No such file or directory"


def test_a_pipe_is_no_file_to_wait_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    assert read_file(parse(str(folder)).filesystem, str(folder / "pipe.png")) == "it is not a regular file"


def test_fingerprints_tell_files_sizes_times_kinds_and_settings_and_are_the_same_for_the_same() -> None:
    files = [File("/a", 1, 2), File("/b", 3, 4)]
    changed = [[files[0]], files[::-1], [files[0], File("/b", 3, 5)], [files[0], File("/b", 4, 4)]]
    told = [fingerprint("zip", given, 5) for given in changed]
    told += [fingerprint("tar", files, 5), fingerprint("zip", files, 6), fingerprint("zip", files, 5)]
    assert len(set(told)) == len(told)
    assert fingerprint("zip", list(files), 5) == told[-1]


def test_a_run_does_not_take_what_it_left_itself(folder: Path) -> None:
    found = list_files(parse(str(folder)), folder / "b")
    assert [Path(file.path).name for file in found] == ["a.png", "5.jpg", "4.png"]
    everywhere = list_files(parse(f"{folder}/**/*.png"), folder / "b" / "c")
    assert [Path(file.path).name for file in everywhere] == ["a.png", "1.png", "10.png", "4.png"]
    for around in (folder, folder.parent):
        assert len(list_files(parse(str(folder)), around)) == len(FILES)


def test_a_name_that_is_no_utf_8_is_told(folder: Path) -> None:
    Path(os.fsdecode(bytes(folder) + b"/f\xfcnf.png")).write_bytes(b"x")
    assert "no UTF-8" in refusal(DataError, lambda: list_files(parse(str(folder))))


@pytest.mark.parametrize("way", ["{0}", "{0}/", "{0}/../top", "{0}/."])
def test_a_place_is_called_the_same_however_it_is_written(way: str, folder: Path) -> None:
    assert shown(way.format(folder)) == parse(way.format(folder)).shown == str(folder)


def test_what_is_shown_of_an_uri_holds_no_password() -> None:
    assert shown("s3://KEY:SECRET@bucket/scans") == "s3://bucket/scans"
