"""The model that comes with the code: whole, small, and as good as its card says."""

from __future__ import annotations

import csv
import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import pipelines
from pipelines.corpora import load_corpus
from pipelines.drawing.non_digits import draw_junk
from pipelines.drawing.pen import draw_digits
from pipelines.evaluation.digits import refusals
from pipelines.evaluation.metrics import score
from pipelines.images import decode, to_model_input
from pipelines.inference.engines.pytorch import PyTorchEngine
from pipelines.inference.recognizer import Recognizer
from pipelines.models.folder import open_model
from pipelines.networks.weights import load_reader

SHIPPED = Path(pipelines.__file__).parent / "pretrained"
NONE = 10


@pytest.fixture(scope="module")
def reader() -> Recognizer:
    return Recognizer(SHIPPED, engine="onnxruntime", second_opinion="never")


def read(reader: Recognizer, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return reader.read(images).probabilities


def test_it_is_whole_and_small() -> None:
    folder = open_model(SHIPPED)
    assert folder.classes == [*"0123456789", "none"]
    for file, entry in folder.manifest["files"].items():
        content = (SHIPPED / file).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry["sha256"], entry["size"])
    files = [path for path in SHIPPED.iterdir() if path.is_file()]
    assert {path.name for path in files} == {*folder.manifest["files"], "manifest.json", "NOTICE.md"}
    assert (SHIPPED / "model.onnx").stat().st_size <= 1_500_000
    assert sum(path.stat().st_size for path in files) < 3_000_000


def test_the_graph_reads_as_the_weights_do(reader: Recognizer) -> None:
    images = np.concatenate([draw_digits(200, seed=77)[0], draw_junk(100, seed=77)])
    weights = load_reader(SHIPPED)
    assert float(weights.temperature) == pytest.approx(open_model(SHIPPED).manifest["temperature"])
    with PyTorchEngine(weights, 1) as engine:
        assert np.abs(engine.run(images) - read(reader, images)).max() < 1e-3


def test_it_reads_every_hand_that_the_pen_knows(reader: Recognizer) -> None:
    images, labels = draw_digits(2000, seed=99)
    assert (read(reader, images).argmax(1) == labels).mean() > 0.99


def test_blank_paper_and_junk_are_refused_where_nearly_every_digit_is_kept(reader: Recognizer) -> None:
    assert (read(reader, np.zeros((1, 28, 28), np.uint8)).argmax(1) == NONE).all()
    digits = read(reader, draw_digits(2000, seed=99)[0])
    refused = refusals(digits, partial(read, reader), count=500)
    assert refused.by_kind["blank"] > 0.999
    assert refused.all > 0.98


def test_it_reads_mnist_as_its_card_says(
    reader: Recognizer, measuring_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKRAY_DATA", str(measuring_data))
    test = load_corpus("mnist").test
    assert test is not None
    scores = score(read(reader, test.images), test.labels)
    told = open_model(SHIPPED).manifest["metrics"]["test"]
    assert scores.accuracy == pytest.approx(told["accuracy"], abs=3e-4)
    assert scores.accuracy > 0.996
    assert scores.calibration_error < 0.005


def test_it_reads_thin_pens_on_real_exam_sheets(reader: Recognizer, measuring_data: Path) -> None:
    with (measuring_data / "nsysu" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    images = to_model_input(
        [decode((measuring_data / "nsysu" / row["file"]).read_bytes(), row["file"]) for row in rows]
    )
    labels = np.array([int(row["digit"]) for row in rows])
    scores = score(read(reader, images), labels)
    assert scores.accuracy > 0.98
    assert scores.calibration_error < 0.03


def test_it_gives_the_same_answer_alone_and_in_a_batch(reader: Recognizer) -> None:
    images = draw_digits(30, seed=98)[0]
    together = read(reader, images)
    alone = np.concatenate([read(reader, image[None]) for image in images])
    assert torch.allclose(torch.tensor(together), torch.tensor(alone), atol=1e-4)
