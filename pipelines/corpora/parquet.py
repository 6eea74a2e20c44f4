"""Parquet tables of digits with the columns `image` (784 bytes a row), `label`, and `split` if there are two splits.

`image` is read as a fixed-shape tensor or fixed-size list of uint8, or as binary (raw pixels or a PNG). We write the
tensor.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.corpora.corpus import SIDE, Corpus, Split
from pipelines.corpora.labels import as_digits
from pipelines.corpora.png import PNG_START, decode_png
from pipelines.errors import DataError, first_line
from pipelines.files.atomic import write_named

PIXELS = SIDE * SIDE
IMAGE_TYPE = pa.fixed_shape_tensor(pa.uint8(), (SIDE, SIDE))
# A row group is the least that a reader loads. Groups of 8 MB of pixels let a Ray Dataset be cut into blocks.
ROW_GROUP = 10_000


def read_parquet(path: Path, name: str) -> Corpus:
    table = _read_table(path)
    if "split" not in table.column_names:
        return Corpus(name, _to_split(table, path), None)
    parts, names = _parts(table["split"], path)
    if "train" not in names or not set(names) <= {"train", "test"}:
        found = ", ".join(names) or "nothing"
        raise DataError(f"{path}: column `split` must say train or test, and train at least once; found {found}.")
    train, test = (table.filter(pc.equal(parts, part)) for part in ("train", "test"))
    return Corpus(name, _to_split(train, path), _to_split(test, path) if "test" in names else None)


def write_parquet(corpus: Corpus, file: Path) -> None:
    splits = [("train", corpus.train)]
    if corpus.test is not None:
        splits.append(("test", corpus.test))
    table = pa.concat_tables(_to_table(split, part if corpus.test else None) for part, split in splits)
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd", row_group_size=ROW_GROUP)
    write_named(file, content.getvalue())


def _read_table(path: Path) -> pa.Table:
    if path.is_dir() and not any(path.rglob("*.parquet")):
        raise DataError(f"{path} holds no .parquet files.")
    try:
        dataset = ds.dataset(path, format="parquet")
        _check_columns(dataset.schema.names, path)
        columns = [column for column in ("image", "label", "split") if column in dataset.schema.names]
        return dataset.to_table(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet: {first_line(error)}.") from error


def _check_columns(names: list[str], path: Path) -> None:
    for column in ("image", "label"):
        if column not in names:
            raise DataError(f"{path}: there is no column `{column}`; found {', '.join(names)}.")


def _to_split(table: pa.Table, path: Path) -> Split:
    return Split(_to_images(_whole(table, "image", path), path), _to_labels(_whole(table, "label", path), path))


def _parts(column: pa.ChunkedArray, path: Path) -> tuple[pa.ChunkedArray, list[str]]:
    """The column as text, and its distinct values."""
    try:
        parts = column.cast(pa.string())
        return parts, sorted(str(value) for value in parts.unique().to_pylist())
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: column `split` must hold text, train or test; found {column.type}.") from error


def _whole(table: pa.Table, column: str, path: Path) -> pa.Array:
    chunks = table[column]
    if chunks.null_count:
        raise DataError(f"{path}: {chunks.null_count} values of column `{column}` are null.")
    return chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()


def _to_labels(labels: pa.Array, path: Path) -> NDArray[np.uint8]:
    if not pa.types.is_integer(labels.type):
        raise DataError(f"{path}: column `label` must hold integers, found {labels.type}.")
    return as_digits(labels.to_numpy(zero_copy_only=False), path)


def _to_images(images: pa.Array, path: Path) -> NDArray[np.uint8]:
    kind = images.type
    if kind == IMAGE_TYPE:
        images, kind = images.storage, images.storage.type
    if pa.types.is_fixed_size_list(kind) and (kind.list_size, kind.value_type) == (PIXELS, pa.uint8()):
        pixels = images.flatten()
        if pixels.null_count:
            raise DataError(f"{path}: {pixels.null_count} pixels of column `image` are null.")
        return pixels.to_numpy().reshape(-1, SIDE, SIDE)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        read = [_from_bytes(value, f"{path} row {row}") for row, value in enumerate(images.to_pylist())]
        return np.array(read, np.uint8).reshape(-1, SIDE, SIDE)
    raise DataError(
        f"{path}: column `image` must be a fixed-size list or tensor of {PIXELS} uint8, or binary; found {kind}."
    )


def _from_bytes(value: bytes, where: str) -> NDArray[np.uint8]:
    if value.startswith(PNG_START):
        return decode_png(value, where)
    if len(value) != PIXELS:
        raise DataError(f"{where}: expected a PNG or {PIXELS} raw bytes, found {len(value)} bytes.")
    return np.frombuffer(value, np.uint8).reshape(SIDE, SIDE)


def _to_table(split: Split, part: str | None) -> pa.Table:
    pixels = pa.array(np.ascontiguousarray(split.images).reshape(-1))
    images = pa.ExtensionArray.from_storage(IMAGE_TYPE, pa.FixedSizeListArray.from_arrays(pixels, PIXELS))
    columns = {"image": images, "label": pa.array(split.labels)}
    if part is not None:
        columns["split"] = pa.repeat(part, len(split))
    return pa.table(columns)
