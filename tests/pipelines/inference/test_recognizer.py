"""One reader for everybody: the same digits give the same answer wherever they come from."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest

from pipelines.corpora import Corpus, load_corpus
from pipelines.corpora.convert import convert
from pipelines.corpora.corpus import Split
from pipelines.corpora.parquet import write_parquet
from pipelines.errors import DataError, EngineError, UnknownName
from pipelines.images import decode
from pipelines.inference.engines.base import Images, Probabilities
from pipelines.inference.recognizer import Recognizer
from pipelines.models.folder import ModelFolder
from pipelines.models.store import ModelStore
from tests.fake_engine import FakeEngine


@pytest.fixture(scope="module")
def recognizer(store: ModelStore) -> Recognizer:
    return Recognizer("small", store=str(store))


def test_it_reads_digits(recognizer: Recognizer, digits: Split) -> None:
    reading = recognizer.read(digits.images)
    assert (reading.labels.astype(int) == digits.labels).mean() > 0.95
    assert np.array_equal(reading.confidences, reading.probabilities.max(1))
    assert reading.probabilities.shape == (len(digits), 10)


def test_png_parquet_and_idx_give_identical_probabilities(
    recognizer: Recognizer, digits: Split, tmp_path: Path
) -> None:
    some = Split(digits.images[:300], digits.labels[:300])
    write_parquet(Corpus("some", some, None), tmp_path / "some.parquet")
    convert(f"parquet:{tmp_path}/some.parquet", f"folder:{tmp_path}/png", None, overwrite=False)
    idx = f"idx:{tmp_path}/images,{tmp_path}/labels"
    convert(f"folder:{tmp_path}/png", idx, "train", overwrite=False)
    from_parquet = recognizer.read(load_corpus(f"parquet:{tmp_path}/some.parquet").train.images)
    from_idx = recognizer.read(load_corpus(idx).train.images)
    files = sorted((tmp_path / "png").rglob("*.png"))
    from_png = recognizer.read([decode(file.read_bytes(), file) for file in files])
    assert len(files) == 300
    assert np.array_equal(from_parquet.probabilities, from_idx.probabilities)
    assert np.array_equal(from_parquet.probabilities, from_png.probabilities)


def test_dark_on_light_and_any_size_are_read_too(recognizer: Recognizer, digits: Split) -> None:
    some = digits.images[:100]
    upright = recognizer.read(some).labels
    # They are prepared anew, and this reader has learnt little: a digit on the brink may fall.
    assert (recognizer.read([255 - image for image in some]).labels == upright).mean() >= 0.97
    large = [np.kron(255 - image, np.ones((9, 9), np.uint8)) for image in some]
    assert (recognizer.read(large).labels == upright).mean() > 0.95


def test_one_image_and_none(recognizer: Recognizer, digits: Split) -> None:
    whole = recognizer.read(digits.images[:50])
    assert recognizer.read(digits.images[:1]).labels.tolist() == whole.labels[:1].tolist()
    empty = recognizer.read([])
    assert (empty.labels.shape, empty.probabilities.shape) == ((0,), (0, 10))


def test_a_batch_of_ray_data_keeps_its_other_columns(recognizer: Recognizer, digits: Split) -> None:
    batch = {"image": digits.images[:5], "path": np.array(["a", "b", "c", "d", "e"])}
    rows = recognizer(batch)
    assert set(rows) == {"path", "label", "confidence"}
    assert rows["path"].tolist() == ["a", "b", "c", "d", "e"]
    assert rows["label"].tolist() == recognizer.read(digits.images[:5]).labels.tolist()


def test_it_says_what_it_is(store: ModelStore) -> None:
    with Recognizer("small", "onnxruntime", "int8", threads=1, store=str(store)) as reader:
        assert str(reader).startswith("small:1 on onnxruntime in int8, since it was asked for; loaded in ")
        assert 0 < reader.load_seconds < 30
    with pytest.raises(EngineError, match="is closed"):
        reader.read(np.zeros((1, 28, 28), np.uint8))


def test_a_folder_will_do_in_place_of_a_store(model: ModelFolder) -> None:
    with Recognizer(model.path) as reader:
        assert reader.model == "small:1"


def test_a_model_that_is_not_there(store: ModelStore) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'small'"):
        Recognizer("smal", store=str(store))


def test_what_is_no_image(recognizer: Recognizer) -> None:
    with pytest.raises(DataError, match=r"Image 0 must be \[H, W\] or \[H, W, 3\] with pixels, not \[28\]"):
        recognizer.read([np.zeros(28, np.uint8)])


def test_an_engine_that_cannot_read_at_once_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(images: Images, classes: int) -> Probabilities:
        raise RuntimeError("no memory left")

    engine = FakeEngine(failing)
    monkeypatch.setattr("pipelines.inference.recognizer.open_engine", lambda *_: engine)
    with pytest.raises(EngineError, match="no memory left"):
        Recognizer("builtin")
    assert engine.released == 1


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """As by Ctrl-C."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "pytorch"])
def test_it_reads_on_after_ctrl_c_in_the_middle_of_a_batch(engine: str, store: ModelStore, digits: Split) -> None:
    with Recognizer("small", engine, threads=2, store=str(store)) as reader:
        started = time.perf_counter()
        whole = reader.read_prepared(digits.images).probabilities
        whole_seconds, interrupted = time.perf_counter() - started, 0
        for share in islice(cycle(np.linspace(0.05, 0.9, 12)), 200):
            try:
                with interrupted_after(share * whole_seconds):
                    reader.read_prepared(digits.images)
            except KeyboardInterrupt:
                interrupted += 1
            assert np.allclose(reader.read_prepared(digits.images[:600]).probabilities, whole[:600], atol=2e-3)
            if interrupted == 8:
                break
        assert interrupted == 8
