"""Long lists of files: in order, the same as short ones, and not held in memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest

from pipelines.files.remote import File
from pipelines.labeling.inputs import spool
from pipelines.labeling.inputs.spool import Spool, spooled
from tests.inputs import Memory


def files(count: int) -> Iterator[File]:
    return (File(f"/scans/{at // 1000:06d}/{at:09d}.png", at, at + 1) for at in range(count))


@pytest.mark.parametrize("piece", [1000, 7, 1])
@pytest.mark.parametrize("order", ["sorted", "links last", "any"])
def test_whatever_the_order_they_come_in_the_list_is_the_same(
    piece: int, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [*files(50), File("/scans/z\udcfc.png", -1, 0)]
    given = list(expected)
    if order == "links last":
        given = [*expected[::2], *expected[1::2]]
    elif order == "any":
        random.Random(3).shuffle(given)
    whole = spooled(expected).fingerprint("images")
    monkeypatch.setattr(spool, "PIECE", piece)
    found = spooled(given)
    assert list(found) == expected
    assert (found.count, len(found.sizes)) == (51, -(-51 // piece))
    listing = found.keep(Memory(), "x")
    assert (listing is None) == (piece == 1000)
    if listing:
        pieces = range(len(found.sizes))
        assert [listing.piece(number) for number in pieces] == [found.piece(number) for number in pieces]
    assert found.fingerprint("images") == whole


def held(count: int) -> int:
    """The most memory that was held while so many files were listed."""
    tracemalloc.start()
    try:
        found = spooled(files(count))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found, Spool) and found.count == count
    return peak


def test_memory_does_not_grow_with_the_number_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "PIECE", 1000)
    held(2_000)
    few, many = held(10_000), held(100_000)
    assert many < 1.2 * few
