from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pipelines.training.display import TrainingDisplay

STEP = {"kind": "step", "epoch": 2, "step": 5, "loss": 0.25, "speed": 12345.6}
EPOCH = {
    "kind": "epoch",
    "epoch": 1,
    "train_loss": 0.123456,
    "val_loss": 0.5,
    "val_accuracy": 0.98765,
    "seconds": 3.2,
    "images_per_second": 12345.6,
}
LINE = "epoch 1/3  loss 0.1235  validation loss 0.5000  accuracy 98.77 %  12,346 images/s\n"


def shown(folder: Path, events: list[dict[str, Any]], terminal: bool) -> str:
    told = io.StringIO()
    # As wide as rich takes a file for.
    console = Console(file=told, force_terminal=terminal, width=120 if terminal else 80, _environ={})
    with TrainingDisplay(console, epochs=3, steps=10, tensorboard=folder) as display:
        for event in events:
            display.show(event)
    return told.getvalue()


def test_off_a_terminal_it_is_one_line_an_epoch(tmp_path: Path) -> None:
    events = [STEP, EPOCH, STEP, {**EPOCH, "epoch": 2}]
    assert shown(tmp_path, events, terminal=False) == LINE + LINE.replace("epoch 1/3", "epoch 2/3")


def test_a_run_that_goes_on_says_so(tmp_path: Path) -> None:
    resumed = {"kind": "resumed", "epoch": 4}
    assert shown(tmp_path, [resumed], terminal=False) == "going on after epoch 4\n"


def test_on_a_terminal_a_bar_shows_loss_accuracy_speed_and_time_left(tmp_path: Path) -> None:
    told = shown(tmp_path, [EPOCH, STEP], terminal=True)
    assert LINE.rstrip() in told
    last = told.rsplit("epoch 2/3", 1)[1]
    assert "━" in last
    assert "loss 0.2500  accuracy 98.77 %  12,346 images/s" in last
    assert ":" in last, "the time left"


def test_tensorboard_gets_every_epoch(tmp_path: Path) -> None:
    shown(tmp_path, [EPOCH, {**EPOCH, "epoch": 2, "val_accuracy": 0.99}], terminal=False)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"train_loss", "val_loss", "val_accuracy", "images_per_second"}
    accuracies = [(event.step, event.value) for event in events.Scalars("val_accuracy")]
    assert accuracies == [(1, pytest.approx(0.98765)), (2, pytest.approx(0.99))]
