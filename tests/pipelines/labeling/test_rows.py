"""Rows on disk: the three formats hold the same, and a shard is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.files.storage import LocalStorage
from pipelines.labeling.rows import FORMATS, SCHEMA, encode, read_shard, read_shards, shard_files, shard_name

EVERY = pytest.mark.parametrize("kind", FORMATS)
HARD_NAMES = ['a "b", c.png', "zeile\nzwei.png", "null", "", "é漢.png", "\\n;\t'<b>", "NA", "2026-01-01", "007", " x "]


def rows_of(sources: list[str], shard: int = 0) -> pa.Table:
    rows = [
        {
            "source": source,
            "page": None,
            "item": 2**40 + index,
            "value": None if index % 3 == 2 else str(index % 10),
            "confidence": None if index % 3 == 2 else 1 / (index + 3),
            "status": ("ok", "review", "error")[index % 3],
            "reason_code": (None, "low_confidence", "unreadable_file")[index % 3],
            "reason": None if index % 3 == 0 else source,
            "engine": "onnxruntime fp32",
            "model": f"small:{shard}",
        }
        for index, source in enumerate(sources)
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


@EVERY
def test_every_format_gives_the_same_rows_back(kind: str, tmp_path: Path) -> None:
    rows = rows_of(HARD_NAMES)
    LocalStorage(tmp_path).put(shard_name(3, kind), encode(rows, kind))
    assert read_shard(LocalStorage(tmp_path), shard_name(3, kind), kind).equals(rows)


@EVERY
def test_parts_of_megabytes_come_back_whatever_the_names(kind: str, tmp_path: Path) -> None:
    rows = rows_of([f"{name}\n{index}" for index in range(4_000) for name in HARD_NAMES])
    LocalStorage(tmp_path).put(shard_name(0, kind), encode(rows, kind))
    assert read_shard(LocalStorage(tmp_path), shard_name(0, kind), kind).equals(rows)


@EVERY
def test_columns_without_any_value_keep_their_type(kind: str, tmp_path: Path) -> None:
    rows = rows_of(["a", "b", "c"]).slice(2)
    LocalStorage(tmp_path).put(shard_name(0, kind), encode(rows, kind))
    back = read_shard(LocalStorage(tmp_path), shard_name(0, kind), kind)
    assert back.schema == SCHEMA
    assert back.equals(rows)


@EVERY
def test_parts_are_read_in_order_whenever_they_were_written(kind: str, tmp_path: Path) -> None:
    for shard in (10, 2, 100, 0):
        LocalStorage(tmp_path).put(shard_name(shard, kind), encode(rows_of(["a", "b"], shard), kind))
    assert [rows["model"][0].as_py() for rows in read_shards(tmp_path, kind)] == [
        "small:0",
        "small:2",
        "small:10",
        "small:100",
    ]
    assert list(shard_files(LocalStorage(tmp_path).names(), kind)) == [0, 2, 10, 100]


@EVERY
def test_a_part_that_cannot_be_written_whole_is_not_there(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", cut)
    with pytest.raises(OSError, match="No space left"):
        LocalStorage(tmp_path).put(shard_name(0, kind), encode(rows_of(["a"]), kind))
    assert list(tmp_path.iterdir()) == []


@EVERY
def test_a_draft_that_a_kill_left_is_no_part(kind: str, tmp_path: Path) -> None:
    (tmp_path / f".{shard_name(4, kind)}-0123abcd").write_bytes(b"half")
    assert list(shard_files(LocalStorage(tmp_path).names(), kind)) == []
    assert list(read_shards(tmp_path, kind)) == []
