"""What the tasks that read are told, and what they give when Ray has them do it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.labeling.digits.kind import Digits
from pipelines.labeling.inputs import find_input
from pipelines.labeling.inputs.base import ROWS_IN_PART, Found
from pipelines.labeling.kind import Reading
from pipelines.labeling.pipeline import Orders, errands, read_stretches
from pipelines.labeling.room import Room
from pipelines.labeling.rows import SCHEMA
from pipelines.labeling.run_folder import open_run
from tests.inputs import idx_bytes

PARTS = 3


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """One stretch of several parts."""
    images = tmp_path_factory.mktemp("input") / "images.idx"
    images.write_bytes(idx_bytes(np.zeros((PARTS * ROWS_IN_PART, 28, 28), np.uint8)))
    return find_input(str(images))


@pytest.fixture
def orders(found: Found, tmp_path: Path) -> Iterator[Orders]:
    reading = Reading("small:1", "", "", "onnxruntime", "fp32", 1, 0.9)
    with open_run(tmp_path / "out", "parquet", {}, fresh=False) as folder:
        yield Orders(Digits(), found.input, folder, reading, Room(1, 0.5, 0, 1, 1), 60)


def parts(orders: Orders, errand: dict[str, bytes]) -> list[int]:
    block = pa.Table.from_pylist([errand])
    return [part.part for block in read_stretches(block, orders) for part in orders.kind.from_block(block)]


def do(orders: Orders, part: int) -> None:
    orders.folder.write(part, SCHEMA.empty_table(), {})


def test_what_is_done_is_not_read(found: Found, orders: Orders) -> None:
    do(orders, 1)
    [errand] = errands(orders, found.stretches)
    assert parts(orders, errand) == [0, 2]


def test_what_was_done_since_is_read_again_by_a_task_that_is_run_again(found: Found, orders: Orders) -> None:
    """Ray runs it again to restore what was lost with a node, and tells the parts by their order alone."""
    [errand] = errands(orders, found.stretches)
    do(orders, 0)
    assert parts(orders, errand) == [0, 1, 2]
