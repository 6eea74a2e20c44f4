from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.corpora.corpus import Corpus, Split
from pipelines.corpora.folders import read_folder, write_folder
from pipelines.corpora.png import encode_png
from pipelines.errors import DataError, UsageError


@pytest.fixture
def listed(tmp_path: Path, digits: Split) -> Path:
    """Two digits and their labels.csv."""
    for number in (0, 1):
        (tmp_path / f"{number}.png").write_bytes(encode_png(digits.images[number]))
    (tmp_path / "labels.csv").write_text("file,digit\n1.png,7\n0.png,3\n")
    return tmp_path


def error_of(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        read_folder(folder, "x")
    return str(error.value)


def test_both_splits_come_back_in_order(tmp_path: Path, corpus: Corpus) -> None:
    write_folder(corpus, tmp_path / "out")
    back = read_folder(tmp_path / "out", "back")
    assert back.test and corpus.test
    assert back.train.fingerprint() == corpus.train.fingerprint()
    assert back.test.fingerprint() == corpus.test.fingerprint()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out"]


def test_one_split_has_no_test(tmp_path: Path, digits: Split) -> None:
    write_folder(Corpus("x", digits, None), tmp_path / "out")
    assert read_folder(tmp_path / "out", "x").test is None
    assert (tmp_path / "out/train/labels.csv").read_text().splitlines()[:2] == [
        "file,label",
        f"00000000.png,{digits.labels[0]}",
    ]


def test_class_folders_in_the_order_of_names(tmp_path: Path, digits: Split) -> None:
    order = [7, 2, 9, 4, 11, 0, 5, 10, 1, 8, 3, 6]
    for number in order:
        file = tmp_path / str(number // 6 * 3) / f"{number:02d}.PNG"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(encode_png(digits.images[number]))
    (tmp_path / "3/.hidden").touch()
    split = read_folder(tmp_path, "x").train
    assert split.labels.tolist() == [0] * 6 + [3] * 6
    assert np.array_equal(split.images, digits.images[:12])


def test_csv_may_call_its_labels_digits(listed: Path, digits: Split) -> None:
    split = read_folder(listed, "x").train
    assert split.labels.tolist() == [7, 3]
    assert np.array_equal(split.images, digits.images[[1, 0]])


def test_csv_names_a_missing_file(listed: Path) -> None:
    (listed / "labels.csv").write_text("file,label\n0.png,3\nlost.png,3\n")
    assert error_of(listed) == f"{listed}/labels.csv line 3: there is no file 'lost.png' in {listed}."


@pytest.mark.parametrize("label", ["10", "-1", "x", "", "²"])
def test_csv_label_out_of_range(listed: Path, label: str) -> None:
    (listed / "labels.csv").write_text(f"file,label\n0.png,{label}\n", encoding="utf-8")
    assert error_of(listed) == f"{listed}/labels.csv line 2: label {label!r} is out of range; expected 0 to 9."


def test_csv_without_the_columns(listed: Path) -> None:
    (listed / "labels.csv").write_text("name,label\n")
    expected = "expected the columns `file` and `label` (or `digit`), found name, label."
    assert error_of(listed) == f"{listed}/labels.csv: {expected}"


def test_csv_that_is_none(listed: Path) -> None:
    (listed / "labels.csv").write_bytes(b"file,label\n\xff\xfe,1\n")
    assert error_of(listed).startswith(f"{listed}/labels.csv is not a CSV in UTF-8: ")


def test_unreadable_png_is_named(listed: Path) -> None:
    (listed / "1.png").write_bytes(b"no")
    assert error_of(listed) == f"{listed}/1.png: this is not a PNG image."


def test_no_images(tmp_path: Path) -> None:
    expected = f"{tmp_path} holds no digits; expected PNGs in sub-folders 0/ to 9/, or a labels.csv."
    assert error_of(tmp_path) == expected


def test_folder_that_is_no_class(tmp_path: Path) -> None:
    (tmp_path / "10").mkdir()
    expected = f"{tmp_path}/10 is not a class; expected sub-folders 0/ to 9/, or a labels.csv in {tmp_path}."
    assert error_of(tmp_path) == expected


def test_file_that_is_no_png(tmp_path: Path) -> None:
    (tmp_path / "4").mkdir()
    (tmp_path / "4/a.jpg").touch()
    assert error_of(tmp_path) == f"{tmp_path}/4/a.jpg is not a PNG; take it out of the folder or convert it."


def test_test_without_train(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    expected = f"{tmp_path} has test/ but no train/; to use the one there is, name it: folder:{tmp_path}/test."
    assert error_of(tmp_path) == expected


def test_overwriting_replaces_the_whole_corpus(tmp_path: Path, corpus: Corpus, digits: Split) -> None:
    write_folder(corpus, tmp_path / "out")
    write_folder(Corpus("x", Split(digits.images[:3], digits.labels[:3]), None), tmp_path / "out")
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.*")) == [
        *(f"out/train/0000000{number}.png" for number in range(3)),
        "out/train/labels.csv",
    ]


@pytest.mark.parametrize("precious", ["thesis.txt", "train/thesis.txt", "photos/0.png", "train/3/a.png", "train.png"])
def test_overwriting_never_deletes_what_is_not_ours(tmp_path: Path, corpus: Corpus, precious: str) -> None:
    write_folder(corpus, tmp_path / "out")
    (tmp_path / "out" / precious).parent.mkdir(exist_ok=True)
    (tmp_path / "out" / precious).write_text("years of work")
    with pytest.raises(UsageError, match=r", which no conversion wrote; choose another folder\.$"):
        write_folder(corpus, tmp_path / "out")
    assert (tmp_path / "out" / precious).read_text() == "years of work"


def test_a_link_is_not_replaced(tmp_path: Path, corpus: Corpus) -> None:
    write_folder(corpus, tmp_path / "out")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with pytest.raises(UsageError) as error:
        write_folder(corpus, tmp_path / "link")
    assert str(error.value) == f"{tmp_path}/link is a link; name the folder itself, {tmp_path}/out."
    assert (tmp_path / "link").is_symlink()
