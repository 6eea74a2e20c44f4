from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.corpora.corpus import Corpus, Split
from pipelines.corpora.parquet import read_parquet, write_parquet
from pipelines.corpora.png import encode_png
from pipelines.errors import DataError


def table(digits: Split, **columns: Any) -> pa.Table:
    images = pa.FixedSizeListArray.from_arrays(pa.array(digits.images.reshape(-1)), 784)
    return pa.table({"image": images, "label": digits.labels, **columns})


def error_of(file: Path, content: pa.Table) -> str:
    pq.write_table(content, file)
    with pytest.raises(DataError) as error:
        read_parquet(file, "x")
    return str(error.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.parquet"


def test_both_splits_come_back(file: Path, corpus: Corpus) -> None:
    write_parquet(corpus, file)
    back = read_parquet(file, "back")
    assert back.test and corpus.test
    assert back.train.fingerprint() == corpus.train.fingerprint()
    assert back.test.fingerprint() == corpus.test.fingerprint()


def test_one_split_has_no_split_column(file: Path, digits: Split) -> None:
    write_parquet(Corpus("x", digits, None), file)
    assert pq.read_schema(file).names == ["image", "label"]
    assert read_parquet(file, "x").test is None


def test_same_corpus_same_bytes(tmp_path: Path, corpus: Corpus) -> None:
    for name in ("a", "b"):
        write_parquet(corpus, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_images_are_written_as_tensors_in_groups_a_reader_can_share(file: Path) -> None:
    many = Split(np.zeros((25_000, 28, 28), np.uint8), np.zeros(25_000, np.uint8))
    write_parquet(Corpus("x", many, None), file)
    assert pq.read_schema(file).field("image").type == pa.fixed_shape_tensor(pa.uint8(), (28, 28))
    assert pq.ParquetFile(file).num_row_groups == 3
    assert len(read_parquet(file, "x").train) == 25_000


def test_fixed_size_lists_and_wide_labels(file: Path, digits: Split) -> None:
    pq.write_table(table(digits).set_column(1, "label", pa.array(digits.labels.astype(np.int64))), file)
    assert read_parquet(file, "x").train.fingerprint() == digits.fingerprint()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_binary_may_be_raw_or_png(file: Path, digits: Split, kind: pa.DataType) -> None:
    values = [encode_png(image) if row % 2 else image.tobytes() for row, image in enumerate(digits.images)]
    pq.write_table(pa.table({"image": pa.array(values, kind), "label": digits.labels}), file)
    assert read_parquet(file, "x").train.fingerprint() == digits.fingerprint()


@pytest.mark.parametrize(
    "kind", [pa.binary(784), pa.list_(pa.field("item", pa.uint8(), nullable=False), 784), pa.list_(pa.uint8(), 784)]
)
def test_raw_pixels_of_a_fixed_size(file: Path, digits: Split, kind: pa.DataType) -> None:
    rows = [image.tobytes() if kind == pa.binary(784) else image.reshape(-1) for image in digits.images]
    pq.write_table(pa.table({"image": pa.array(rows, kind), "label": digits.labels}), file)
    assert read_parquet(file, "x").train.fingerprint() == digits.fingerprint()


def test_a_binary_column_without_rows_is_an_empty_split(file: Path, digits: Split) -> None:
    pq.write_table(table(digits).set_column(0, "image", pa.array([b""] * 40)).slice(0, 0), file)
    assert len(read_parquet(file, "x").train) == 0


@pytest.mark.parametrize("parts", [[["train"]] * 40, [b"\xff\xfe"] * 40])
def test_a_split_column_that_is_no_text(file: Path, digits: Split, parts: list[Any]) -> None:
    column = pa.array(parts)
    message = error_of(file, table(digits, split=column))
    assert message.startswith(f"{file}: column `split` must hold text, train or test; found ")


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path, digits: Split) -> None:
    pq.write_table(table(digits).slice(25), tmp_path / "2.parquet")
    pq.write_table(table(digits).slice(0, 25), tmp_path / "1.parquet")
    assert read_parquet(tmp_path, "x").train.fingerprint() == digits.fingerprint()


def test_without_the_column(file: Path, digits: Split) -> None:
    message = error_of(file, table(digits).rename_columns(["picture", "label"]))
    assert message == f"{file}: there is no column `image`; found picture, label."


def test_null_values(file: Path, digits: Split) -> None:
    labels = pa.array([None, *digits.labels[1:].tolist()], pa.int8())
    message = error_of(file, table(digits).set_column(1, "label", labels))
    assert message == f"{file}: 1 values of column `label` are null."


def test_null_pixels(file: Path, digits: Split) -> None:
    pixels = pa.array([None] * 2 + [0] * (40 * 784 - 2), pa.uint8())
    message = error_of(file, table(digits).set_column(0, "image", pa.FixedSizeListArray.from_arrays(pixels, 784)))
    assert message == f"{file}: 2 pixels of column `image` are null."


def test_label_out_of_range(file: Path, digits: Split) -> None:
    labels = digits.labels.astype(np.int32)
    labels[4] = -1
    message = error_of(file, table(digits).set_column(1, "label", pa.array(labels)))
    assert message == f"{file}: label -1 of item 4 is out of range; expected 0 to 9."


def test_labels_that_are_no_integers(file: Path, digits: Split) -> None:
    message = error_of(file, table(digits).set_column(1, "label", pa.array(["1"] * 40)))
    assert message == f"{file}: column `label` must hold integers, found string."


def test_images_of_another_type(file: Path, digits: Split) -> None:
    message = error_of(file, table(digits).set_column(0, "image", pa.array([1.0] * 40)))
    expected = "column `image` must be a fixed-size list or tensor of 784 uint8, or binary; found double."
    assert message == f"{file}: {expected}"


def test_raw_image_of_another_length(file: Path, digits: Split) -> None:
    message = error_of(file, table(digits).set_column(0, "image", pa.array([bytes(784)] * 39 + [bytes(700)])))
    assert message == f"{file} row 39: expected a PNG or 784 raw bytes, found 700 bytes."


@pytest.mark.parametrize(("parts", "found"), [(["dev"] * 40, "dev"), (["test"] * 40, "test")])
def test_split_column_with_other_words(file: Path, digits: Split, parts: list[str], found: str) -> None:
    message = error_of(file, table(digits, split=parts))
    expected = f"column `split` must say train or test, and train at least once; found {found}."
    assert message == f"{file}: {expected}"


def test_not_parquet(file: Path) -> None:
    file.write_text("hello, I am a text file")
    with pytest.raises(DataError) as error:
        read_parquet(file, "x")
    assert str(error.value).startswith(f"{file} cannot be read as parquet: ")


def test_folder_without_parquet(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_parquet(tmp_path, "x")
    assert str(error.value) == f"{tmp_path} holds no .parquet files."
