"""What is read is held against what was listed: items of a file that changed since say so, whatever held them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.corpora.corpus import Split
from tests.inputs import (
    find_input,
    folder_of,
    idx_bytes,
    members,
    names,
    read,
    reason_codes,
    reasons,
    sources,
    table_of,
    tar_of,
    tensors,
    touch_later,
    zip_of,
)

Write = Callable[[Path, Split], Path]


def idx_of(path: Path, digits: Split) -> Path:
    path.write_bytes(idx_bytes(digits.images[:10]))
    return path


def one_of(path: Path, digits: Split) -> Path:
    folder_of(path.parent, {path.name: members(digits.images[:1])["00000.png"]})
    return path


WAYS: dict[str, Write] = {
    "a.png": one_of,
    "a.idx": idx_of,
    "a.parquet": lambda path, digits: table_of(path, image=tensors(digits.images[:10])),
    "a.zip": lambda path, digits: zip_of(path, members(digits.images[:10])),
    "a.tar": lambda path, digits: tar_of(path, members(digits.images[:10])),
}


@pytest.mark.parametrize("name", WAYS)
def test_items_of_a_file_that_was_replaced_say_so(name: str, digits: Split, tmp_path: Path) -> None:
    path = WAYS[name](tmp_path / name, digits)
    found = find_input(str(path))
    assert reason_codes(found) == set()
    touch_later(path)
    assert reason_codes(found) == {"changed_while_read"}
    assert set(reasons(found)) == {"it changed while it was read: it was written to after it was listed"}
    assert len(reasons(found)) == found.count
    assert names(found) == sources(found)
    [items] = read(found, {0}, slice(0, 1))
    assert len(items) == 1
