from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import UsageError
from pipelines.files.atomic import atomic_folder, refuse_existing, write_named


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.bin"
    write_named(file, b"old")
    write_named(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(RuntimeError), atomic_folder(folder) as fresh:
        (fresh / "half").touch()
        raise RuntimeError
    assert [str(entry.relative_to(tmp_path)) for entry in tmp_path.rglob("*")] == ["out", "out/old"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as error:
        write_named(tmp_path / "file" / "a.bin", b"")
    assert str(error.value) == f"Cannot write {tmp_path}/file/a.bin: {tmp_path}/file is a file."


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        write_named(tmp_path, b"")
    assert str(error.value) == f"{tmp_path} is a folder; name a file to write."


def test_what_exists_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    refuse_existing(tmp_path, overwrite=False)
    file = tmp_path / "a"
    file.touch()
    refuse_existing(file, overwrite=True)
    for path in (file, tmp_path):
        with pytest.raises(UsageError) as error:
            refuse_existing(path, overwrite=False)
        assert str(error.value) == f"{path} exists already; choose another name, or have it replaced."
