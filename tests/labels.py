"""Inputs to label and results to compare, for the tests of the labelling job."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from psutil import Process

from pipelines.corpora import Corpus
from pipelines.corpora.corpus import Split
from pipelines.corpora.parquet import write_parquet
from pipelines.labeling.rows import read_shards
from pipelines.models.store import ModelStore
from tests.digits import builtin
from tests.made_once import made_once
from tests.models import convert, publish, taught
from tests.processes import title

LONG = 2
"""The part that `with_a_long_part` makes."""


@cache
def digits() -> Split:
    split = builtin().test
    assert split is not None
    return split.prepared()


def small_model(folder: Path) -> ModelStore:
    store = ModelStore(folder / "store")
    convert(store, publish(store, taught(builtin().train.prepared(), steps=60), folder / "files"), digits())
    return store


def tables(folder: Path, sizes: list[int]) -> Path:
    """A folder of parquet files, and so of parts, with so many digits each."""
    folder.mkdir()
    source, random = digits(), np.random.default_rng(5)
    for number, size in enumerate(sizes):
        chosen = random.integers(0, len(source), size)
        write_parquet(
            Corpus("digits", Split(source.images[chosen], source.labels[chosen]), None),
            folder / f"{number:04d}.parquet",
        )
    return folder


def rows(output: Path, kind: str = "parquet") -> pa.Table:
    return pa.concat_tables(read_shards(output / "rows", kind))


def once(table: pa.Table, count: int) -> None:
    """Every item has its row, and has it once."""
    keys = pc.binary_join_element_wise(table["source"], table["item"].cast(pa.string()), "#")
    assert len(table) == count
    assert len(pc.unique(keys)) == count


def shards(output: Path) -> int:
    """How many are done."""
    return len(list((output / "rows").glob("part-*.parquet")))


def actors(processes: list[Process]) -> list[Process]:
    return [process for process in processes if title(process.pid).startswith("ray::MapWorker")]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    return ModelStore(made_once("models-to-label-with", small_model, tmp_path_factory) / "store")


def with_a_long_part(folder: Path) -> Path:
    """153 items in four parts, of which one has images so large that whoever reads them can be caught at it."""
    source = tables(folder, [50, 50, 3, 50])
    large = cv2.imencode(".png", np.full((6000, 6000), 255, np.uint8))[1].tobytes()
    pq.write_table(pa.table({"image": pa.array([large] * 3, pa.binary())}), source / f"{LONG:04d}.parquet")
    return source


def at_part(number: int, output: Path) -> list[int]:
    """Which processes are in the midst of it."""
    marks = (output / ".work" / "under-way").glob(f"{number}-*")
    return [int(mark.name.partition("-")[2]) for mark in marks]


def at_work(process: Process, output: Path) -> bool:
    """In the midst of a part."""
    return any((output / ".work" / "under-way").glob(f"*-{process.pid}"))


def lasting(state: Callable[[], bool], looks: int = 20) -> Callable[[], bool]:
    """Whether it was so at each of the latest looks."""
    seen: deque[bool] = deque(maxlen=looks)

    def looked() -> bool:
        seen.append(state())
        return len(seen) == looks and all(seen)

    return looked
