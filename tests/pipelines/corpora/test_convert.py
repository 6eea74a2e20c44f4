from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.corpora import Corpus
from pipelines.corpora.convert import convert
from pipelines.corpora.idx import write_idx
from pipelines.corpora.parquet import write_parquet
from pipelines.errors import UsageError


@pytest.fixture
def both(tmp_path: Path, corpus: Corpus) -> str:
    write_parquet(corpus, tmp_path / "both.parquet")
    return f"parquet:{tmp_path}/both.parquet"


def usage_error_of(source: str, target: str, **options: object) -> str:
    with pytest.raises(UsageError) as error:
        convert(source, target, **options)  # type: ignore[arg-type]
    return str(error.value)


def test_idx_to_png_to_parquet_to_idx_is_the_same_bytes(tmp_path: Path, corpus: Corpus) -> None:
    write_idx(corpus.train, tmp_path / "i1", tmp_path / "l1")
    convert(f"idx:{tmp_path}/i1,{tmp_path}/l1", f"folder:{tmp_path}/png")
    convert(f"folder:{tmp_path}/png", f"parquet:{tmp_path}/p")
    convert(f"parquet:{tmp_path}/p", f"idx:{tmp_path}/i2,{tmp_path}/l2")
    for first, last in (("i1", "i2"), ("l1", "l2")):
        assert (tmp_path / first).read_bytes() == (tmp_path / last).read_bytes()


def test_both_splits_go_round_and_come_back_the_same_bytes(tmp_path: Path, both: str) -> None:
    convert(both, f"folder:{tmp_path}/png")
    convert(f"folder:{tmp_path}/png", f"parquet:{tmp_path}/again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "both.parquet").read_bytes()


def test_idx_takes_the_split_that_is_named(tmp_path: Path, both: str, corpus: Corpus) -> None:
    assert corpus.test is not None
    for part, split in (("train", corpus.train), ("test", corpus.test)):
        images, labels = tmp_path / f"{part}-i", tmp_path / f"{part}-l"
        convert(both, f"idx:{images},{labels}", part)  # type: ignore[arg-type]
        assert images.read_bytes()[16:] == split.images.tobytes()
        assert labels.read_bytes()[8:] == split.labels.tobytes()


def test_idx_does_not_drop_a_split_unasked(tmp_path: Path, both: str) -> None:
    message = usage_error_of(both, f"idx:{tmp_path}/i,{tmp_path}/l")
    assert message == f"IDX files hold one split and {both!r} has two; choose train or test."


def test_a_split_that_is_not_there(tmp_path: Path, both: str) -> None:
    convert(both, f"folder:{tmp_path}/one", "test")
    message = usage_error_of(f"folder:{tmp_path}/one", f"parquet:{tmp_path}/p", part="test")
    assert message == f"The corpus 'folder:{tmp_path}/one' has no test split; take the whole of it."


def test_nothing_is_overwritten_unasked(tmp_path: Path, both: str) -> None:
    precious = tmp_path / "labels"
    precious.write_text("mine")
    target = f"idx:{tmp_path}/images,{precious}"
    message = usage_error_of(both, target, part="train")
    assert message == f"{precious} exists already; choose another name, or have it replaced."
    assert precious.read_text() == "mine"
    assert not (tmp_path / "images").exists()
    convert(both, target, "train", overwrite=True)
    assert len(precious.read_bytes()) == 48


def test_a_corpus_may_be_overwritten_by_a_part_of_itself(both: str) -> None:
    convert(both, both, "test", overwrite=True)
    assert len(convert(both, both, overwrite=True).train) == 15


@pytest.mark.parametrize("name", ["mnist", "builtin"])
def test_named_corpora_are_not_written(both: str, name: str) -> None:
    forms = "idx:IMAGES,LABELS, folder:PATH, parquet:PATH"
    assert usage_error_of(both, name) == f"{name!r} can only be read; write to one of {forms}."


def test_images_and_labels_in_one_file(tmp_path: Path, both: str) -> None:
    assert usage_error_of(both, "idx:a,a") == f"Images and labels cannot both be written to {Path.cwd()}/a."
