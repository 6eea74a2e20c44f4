"""Inputs of the batch bench: a million digits in parquet, a hundred thousand PNG files, from a seed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.corpora import load_corpus
from pipelines.corpora.parquet import IMAGE_TYPE

ROW_GROUP = 10_000
IN_FOLDER = 1_000


def digits(count: int, seed: int) -> NDArray[np.uint8]:
    """`count` different images: the built-in digits, each shifted by a pixel or so."""
    base = _base()
    random = np.random.default_rng(seed)
    chosen = base[random.integers(0, len(base), count)]
    shift = random.integers(-1, 2, count)
    for step in (-1, 1):
        chosen[shift == step] = np.roll(chosen[shift == step], step, axis=2)
    return chosen


@cache
def _base() -> NDArray[np.uint8]:
    return load_corpus("builtin").train.prepared().images


def write_parquet(path: Path, count: int, seed: int = 0) -> None:
    writer = pq.ParquetWriter(path, pa.schema([("image", IMAGE_TYPE)]), compression="zstd")
    for start in range(0, count, ROW_GROUP):
        images = digits(min(ROW_GROUP, count - start), seed + start)
        pixels = pa.FixedSizeListArray.from_arrays(pa.array(images.reshape(-1)), images[0].size)
        writer.write_table(pa.table({"image": pa.ExtensionArray.from_storage(IMAGE_TYPE, pixels)}))
    writer.close()


def write_pngs(folder: Path, count: int, seed: int = 0) -> None:
    for start in range(0, count, IN_FOLDER):
        inner = folder / f"{start:07d}"
        inner.mkdir(parents=True)
        for index, image in enumerate(digits(min(IN_FOLDER, count - start), seed + start)):
            (inner / f"{start + index:07d}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
