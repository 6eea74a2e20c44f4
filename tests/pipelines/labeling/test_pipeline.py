"""What the tasks that read are told, and what they give when Ray has them do it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.labeling.capacity import Capacity
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.inputs.base import ROWS_PER_SHARD, FoundInput
from pipelines.labeling.pipeline import RunSpec, read_shards_of, work_items
from pipelines.labeling.rows import SCHEMA
from pipelines.labeling.run_folder import open_run
from pipelines.labeling.workload import ReaderConfig
from tests.inputs import find_input, idx_bytes

PARTS = 3


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> FoundInput:
    """One task of several shards."""
    images = tmp_path_factory.mktemp("input") / "images.idx"
    images.write_bytes(idx_bytes(np.zeros((PARTS * ROWS_PER_SHARD, 28, 28), np.uint8)))
    return find_input(str(images))


@pytest.fixture
def spec(found: FoundInput, tmp_path: Path) -> Iterator[RunSpec]:
    reading = ReaderConfig("small:1", "", "", "onnxruntime", "fp32", 1, 0.9)
    with open_run(tmp_path / "out", "parquet", {}, fresh=False) as folder:
        yield RunSpec(DigitWorkload(), found.input, folder, reading, Capacity(1, 0.5, 0, 1, 1), 60)


def shards(spec: RunSpec, item: dict[str, bytes]) -> list[int]:
    block = pa.Table.from_pylist([item])
    return [shard.shard for block in read_shards_of(block, spec) for shard in spec.workload.from_block(block)]


def do(spec: RunSpec, shard: int) -> None:
    spec.folder.write(shard, SCHEMA.empty_table(), {})


def test_what_is_done_is_not_read(found: FoundInput, spec: RunSpec) -> None:
    do(spec, 1)
    [item] = work_items(spec, found.tasks)
    assert shards(spec, item) == [0, 2]


def test_what_was_done_since_is_read_again_by_a_task_that_is_run_again(found: FoundInput, spec: RunSpec) -> None:
    """Ray runs it again to restore what was lost with a node, and tells the shards by their order alone."""
    [item] = work_items(spec, found.tasks)
    do(spec, 0)
    assert shards(spec, item) == [0, 1, 2]
