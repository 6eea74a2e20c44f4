from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.evaluation import plots
from tests.digits import drawn

CLASSES = [str(digit) for digit in range(10)]


def epoch(number: int, error: float) -> dict[str, float]:
    return {"epoch": number, "train_loss": error * 2, "val_loss": error * 3, "val_accuracy": 1 - error}


def ink_of(path: Path) -> float:
    """The share of pixels that are not paper, in a PNG that is large enough to look at."""
    image = cv2.imread(str(path))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert image is not None
    assert min(image.shape[:2]) > 100
    return float((image < 250).any(2).mean())


def certain(read: np.ndarray, confidence: float = 0.9) -> np.ndarray:
    """Probabilities that read just this."""
    rest = np.full((len(read), 10), (1 - confidence) / 9, np.float32)
    rest[np.arange(len(read)), read] = confidence
    return rest


@pytest.mark.parametrize(
    "history",
    [[epoch(1, 0.1)], [epoch(1, 0.0)], [epoch(k, 0.5 / k) for k in range(1, 30)]],
    ids=["one epoch", "no error", "thirty"],
)
def test_curves(history: list[dict[str, float]], tmp_path: Path) -> None:
    plots.curves(history, tmp_path / "curves.png")
    assert ink_of(tmp_path / "curves.png") > 0.01


def test_more_epochs_draw_another_picture(tmp_path: Path) -> None:
    plots.curves([epoch(1, 0.1), epoch(2, 0.05)], tmp_path / "a.png")
    plots.curves([epoch(1, 0.1), epoch(2, 0.02)], tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_only_mistakes_are_shaded_in_a_confusion(tmp_path: Path) -> None:
    right = np.diag([100] * 10)
    plots.confusion(right.tolist(), CLASSES, tmp_path / "right.png")
    right[3, 5] = 1
    plots.confusion(right.tolist(), CLASSES, tmp_path / "wrong.png")
    plots.confusion(np.zeros((10, 10), int).tolist(), CLASSES, tmp_path / "empty.png")

    def orange(name: str) -> int:
        blue, _, red = np.moveaxis(cv2.imread(str(tmp_path / name)).astype(int), 2, 0)
        return int((red - blue > 100).sum())

    assert orange("right.png") == orange("empty.png") == 0
    # One cell of a hundred.
    assert orange("wrong.png") > 1000
    assert ink_of(tmp_path / "right.png") > ink_of(tmp_path / "empty.png") > 0.005


@pytest.mark.parametrize("confidence", [[1.0], [1.0] * 200, list(np.linspace(0.1, 1, 200))])
def test_reliability_with_one_image_with_one_bin_and_with_many(confidence: list[float], tmp_path: Path) -> None:
    right = np.arange(len(confidence)) % 3 > 0
    plots.reliability(np.array(confidence, np.float32), right, tmp_path / "reliability.png")
    assert ink_of(tmp_path / "reliability.png") > 0.01


NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def test_misreadings_show_the_surest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = drawn(60)
    read = split.labels.astype(int)
    read[[7, 30, 41]] = (read[[7, 30, 41]] + 1) % 10
    probabilities = certain(read)
    probabilities[7], probabilities[30] = certain(read[[7]], 0.5), certain(read[[30]], 0.99)
    shown = shown_by(monkeypatch)
    plots.misreadings(split.images, split.labels, probabilities, NAMES, tmp_path / "a.png")
    images, captions, title = shown[0]
    assert np.array_equal(images, split.images[[30, 41, 7]])
    assert captions[0] == f"{NAMES[split.labels[30]]} read {NAMES[read[30]]}\n99.0 %"
    assert title == "3 of 60 misread"
    plots.misreadings(split.images, split.labels, probabilities, NAMES, tmp_path / "b.png", limit=2)
    assert np.array_equal(shown[1][0], split.images[[30, 41]])
    assert shown[1][2] == "3 of 60 misread, the surest 2 shown"
    assert ink_of(tmp_path / "a.png") > 0.05


def shown_by(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, list[str], str]]:
    """What the gallery is given, on its way to the real gallery."""
    shown: list[tuple[np.ndarray, list[str], str]] = []
    gallery = plots.gallery

    def watched(images: np.ndarray, captions: list[str], title: str, path: Path) -> None:
        shown.append((images, captions, title))
        gallery(images, captions, title, path)

    monkeypatch.setattr(plots, "gallery", watched)
    return shown


def test_no_misreading_is_a_title_alone(tmp_path: Path) -> None:
    split = drawn(20)
    plots.misreadings(split.images, split.labels, certain(split.labels.astype(int)), NAMES, tmp_path / "none.png")
    assert 0.0005 < ink_of(tmp_path / "none.png") < 0.05


@pytest.mark.parametrize("count", [1, 8, 9, 64])
def test_a_gallery_shows_every_digit_on_paper(count: int, tmp_path: Path) -> None:
    split = drawn(count)
    plots.gallery(split.images, [str(label) for label in split.labels], "Digits", tmp_path / "all.png")
    drawn_ink = ink_of(tmp_path / "all.png")
    plots.gallery(255 - split.images, [str(label) for label in split.labels], "Digits", tmp_path / "dark.png")
    assert (tmp_path / "dark.png").read_bytes() == (tmp_path / "all.png").read_bytes()
    plots.gallery(split.images[:0], [], "Digits", tmp_path / "none.png")
    assert drawn_ink > ink_of(tmp_path / "none.png")
