from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.corpora import Corpus, Split, load_corpus
from pipelines.corpora.folders import write_folder
from pipelines.corpora.idx import write_idx
from pipelines.corpora.parquet import write_parquet
from pipelines.errors import DataError, InkrayError, UnknownName, UsageError


def usage_error_of(spec: str) -> str:
    with pytest.raises(UsageError) as error:
        load_corpus(spec)
    assert error.value.exit_code == 2
    return str(error.value)


def test_each_format_by_its_spec(tmp_path: Path, digits: Split) -> None:
    write_idx(digits, tmp_path / "i.gz", tmp_path / "l")
    write_folder(Corpus("x", digits, None), tmp_path / "f")
    write_parquet(Corpus("x", digits, None), tmp_path / "p")
    for spec in (f"idx:{tmp_path}/i.gz,{tmp_path}/l", f"folder:{tmp_path}/f", f"parquet:{tmp_path}/p"):
        corpus = load_corpus(spec)
        assert corpus.name == spec
        assert corpus.train.fingerprint() == digits.fingerprint()
        assert corpus.test is None


def test_builtin_needs_nothing() -> None:
    corpus = load_corpus("builtin")
    assert corpus.name == "builtin"
    assert set(corpus.train.labels) == set(range(10))


def test_mnist_lies_in_the_folder_that_the_environment_names(
    measuring_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKRAY_DATA", str(measuring_data))
    corpus = load_corpus("mnist")
    assert corpus.name == "mnist"
    assert corpus.test is not None
    assert (len(corpus.train), len(corpus.test)) == (60_000, 10_000)
    assert corpus.train.fingerprint() == load_corpus("mnist", measuring_data).train.fingerprint()


def test_without_the_environment_the_data_lies_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INKRAY_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "inkray").mkdir()
    (tmp_path / "inkray" / "data").touch()
    with pytest.raises(DataError) as error:
        load_corpus("mnist")
    reason = f"cannot write into {tmp_path}/inkray/data/mnist: Not a directory"
    assert str(error.value).startswith(
        f"MNIST is not in {tmp_path}/inkray/data/mnist and could not be downloaded ({reason})"
    )


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: Split) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_parquet(Corpus("x", digits, None), tmp_path / "p")
    assert len(load_corpus("parquet:~/p").train) == 40


def test_unknown_names() -> None:
    with pytest.raises(UnknownName) as error:
        load_corpus("mnits")
    known = "builtin, folder:PATH, idx:IMAGES,LABELS, mnist, parquet:PATH"
    assert str(error.value) == f"There is no corpus 'mnits'; known: {known}. Did you mean 'mnist'?"
    assert usage_error_of("csv:a").startswith("There is no corpus 'csv:a'; known: builtin, ")


@pytest.mark.parametrize(
    ("spec", "form"),
    [
        ("idx:only-one", "idx:IMAGES,LABELS"),
        ("idx:a,b,c", "idx:IMAGES,LABELS"),
        ("idx:a,", "idx:IMAGES,LABELS"),
        ("folder:", "folder:PATH"),
        ("parquet", "parquet:PATH"),
    ],
)
def test_broken_specs(spec: str, form: str) -> None:
    assert usage_error_of(spec) == f"The corpus {spec!r} is not complete; write {form}."


def test_missing_paths(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert usage_error_of("folder:/no/where") == "There is no folder /no/where; check the path in 'folder:/no/where'."
    assert usage_error_of(f"folder:{file}") == f"There is no folder {file}; check the path in 'folder:{file}'."
    assert usage_error_of(f"idx:{file},{tmp_path}").startswith(f"There is no file {tmp_path}; ")
    assert usage_error_of("parquet:/no").startswith("There is no file or folder /no; ")


def test_a_corpus_without_images(tmp_path: Path, digits: Split) -> None:
    empty = Split(digits.images[:0], digits.labels[:0])
    write_idx(empty, tmp_path / "i", tmp_path / "l")
    write_parquet(Corpus("x", empty, None), tmp_path / "p")
    for spec in (f"idx:{tmp_path}/i,{tmp_path}/l", f"parquet:{tmp_path}/p"):
        with pytest.raises(DataError) as error:
            load_corpus(spec)
        assert str(error.value) == f"The corpus {spec!r} holds no images to train on."


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "3" / "a.png").mkdir(parents=True)
    with pytest.raises(InkrayError) as error:
        load_corpus(f"folder:{tmp_path}")
    assert str(error.value) == f"Cannot read {tmp_path}/3/a.png: Is a directory."
