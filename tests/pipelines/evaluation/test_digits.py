from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from pipelines.corpora.corpus import Split
from pipelines.drawing.non_digits import JUNK
from pipelines.drawing.pen import draw_digits
from pipelines.errors import DataError
from pipelines.evaluation.corruptions import CORRUPTIONS
from pipelines.evaluation.digits import evaluate, on_corrupted, refusals, write_history
from pipelines.evaluation.metrics import Probabilities, score
from tests.digits import drawn

CLASSES = [str(digit) for digit in range(10)]


def said_of(split: Split) -> Probabilities:
    """Something that a model could say."""
    chances = np.random.default_rng(0).random((len(split), 10), np.float32)
    return chances / chances.sum(1, keepdims=True)


def test_evaluation_gives_the_scores_and_draws_the_pictures(tmp_path: Path) -> None:
    split = drawn(50)
    scores = evaluate(said_of(split), split, CLASSES, tmp_path / "new" / "folder")
    assert scores == score(said_of(split), split.labels)
    drawings = {path.name for path in (tmp_path / "new" / "folder").iterdir()}
    assert drawings == {"confusion.png", "reliability.png", "misread.png"}


def test_an_empty_split_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    empty = Split(np.empty((0, 28, 28), np.uint8), np.empty(0, np.uint8))
    with pytest.raises(DataError, match="nothing to score"):
        evaluate(said_of(empty), empty, CLASSES, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_outside_the_classes_are_refused(tmp_path: Path) -> None:
    letters = Split(drawn(4).images, np.array([1, 2, 36, 3], np.uint8))
    with pytest.raises(DataError) as caught:
        evaluate(said_of(letters), letters, CLASSES, tmp_path / "out")
    assert str(caught.value) == "A label is 36, but the model knows the classes 0 to 9."


def test_history_is_a_row_an_epoch(tmp_path: Path) -> None:
    history = [{"epoch": 1, "val_loss": 0.1 + 0.2}, {"epoch": 2, "val_loss": 0.25}]
    write_history(history, tmp_path / "history.csv")
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{"epoch": int(row["epoch"]), "val_loss": float(row["val_loss"])} for row in rows] == history


def test_junk_is_refused_at_the_confidence_that_keeps_the_digits() -> None:
    """By a reader that is surest where there is most ink: what is refused is what has less than almost all digits."""
    images, _ = draw_digits(1000, seed=3)

    def read(some: np.ndarray) -> np.ndarray:
        sure = some.mean((1, 2)) / 255
        return np.stack([sure, 1 - sure], 1).astype(np.float32)

    found = refusals(read(images), read, digits=1, count=50)
    assert (read(images)[:, 0] < found.below).mean() == pytest.approx(0.005, abs=0.001)
    assert found.by_kind["blank"] > 0.5 > found.by_kind["struck out"]
    assert set(found.by_kind) == set(JUNK)


def test_every_corruption_is_read() -> None:
    images, labels = draw_digits(50, seed=3)

    def read(some: np.ndarray) -> np.ndarray:
        return np.eye(10, dtype=np.float32)[labels if (some == images).all() else (labels + 1) % 10]

    assert on_corrupted(read, Split(images, labels)) == dict.fromkeys(CORRUPTIONS, 0.0)
