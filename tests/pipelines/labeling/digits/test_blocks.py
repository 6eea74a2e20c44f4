"""Shards as Arrow tables and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.digits.blocks import from_block, to_block
from pipelines.labeling.inputs import Items


def items(
    shard: int, count: int, sources: str | Sequence[str], reasons: Sequence[Reason | None] | None = None
) -> Items:
    chance = np.random.default_rng(shard)
    images = chance.integers(0, 256, (count, 28, 28), np.uint8)
    return Items(shard, sources, np.arange(count) + 10, images, reasons)


def assert_same(one: Items, other: Items) -> None:
    assert (one.shard, one.sources, one.reasons) == (other.shard, other.sources, other.reasons)
    assert np.array_equal(one.numbers, other.numbers)
    assert np.array_equal(one.images, other.images)


DAMAGED = Reason(ReasonCode.UNREADABLE_FILE, "damaged")
CASES = [
    items(0, 5, "a.parquet"),
    items(1, 3, ["a.png", "b.png", "c.png"]),
    items(2, 1, "x"),
    items(7, 4, "a.idx", [None, Reason(ReasonCode.MISSING_IMAGE, "it is null"), None, DAMAGED]),
    items(9, 2, ["a", "b"], [DAMAGED, DAMAGED]),
]


@pytest.mark.parametrize("given", CASES, ids=lambda given: str(given.shard))
def test_a_part_comes_back_as_it_was(given: Items) -> None:
    [back] = from_block(to_block(given))
    assert_same(given, back)


def test_several_parts_in_one_block_are_told_apart() -> None:
    block = pa.concat_tables([to_block(given) for given in CASES])
    for given, back in zip(CASES, from_block(block), strict=True):
        assert_same(given, back)


def test_a_slice_of_a_block_is_read_from_where_it_begins() -> None:
    block = pa.concat_tables([to_block(given) for given in CASES]).slice(5, 4)
    for given, back in zip(CASES[1:3], from_block(block), strict=True):
        assert_same(given, back)


def test_a_block_of_nothing_has_no_parts() -> None:
    assert list(from_block(to_block(CASES[0]).slice(0, 0))) == []


def test_images_that_do_not_lie_together_are_sent_as_they_are() -> None:
    given = items(0, 4, "a")
    turned = Items(0, "a", given.numbers, given.images.transpose(0, 2, 1))
    [back] = from_block(to_block(turned))
    assert np.array_equal(back.images, given.images.transpose(0, 2, 1))
