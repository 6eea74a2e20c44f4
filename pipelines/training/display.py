"""The progress of a run, shown as a live bar or as lines, and in TensorBoard."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter


class TrainingDisplay:
    def __init__(self, console: Console, epochs: int, steps: int, tensorboard: Path) -> None:
        self._console, self._epochs, self._steps = console, epochs, steps
        self._writer = SummaryWriter(str(tensorboard))
        text = "{task.fields[note]}"
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn(text), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("starting", total=epochs * steps, note="")
        self._accuracy = ""

    def __enter__(self) -> TrainingDisplay:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()
        self._writer.close()

    def show(self, event: dict[str, Any]) -> None:
        {"step": self._step, "epoch": self._epoch, "resumed": self._resumed}[event["kind"]](event)

    def _step(self, event: dict[str, Any]) -> None:
        done = (event["epoch"] - 1) * self._steps + event["step"]
        note = f"loss {event['loss']:.4f}{self._accuracy}  {event['speed']:,.0f} images/s"
        self._bar.update(self._task, completed=done, description=f"epoch {event['epoch']}/{self._epochs}", note=note)

    def _epoch(self, row: dict[str, Any]) -> None:
        self._accuracy = f"  accuracy {row['val_accuracy'] * 100:.2f} %"
        self._bar.update(self._task, completed=row["epoch"] * self._steps)
        self._console.print(
            f"epoch {row['epoch']}/{self._epochs}  loss {row['train_loss']:.4f}  validation loss {row['val_loss']:.4f}"
            f"{self._accuracy}  {row['images_per_second']:,.0f} images/s",
            highlight=False,
            soft_wrap=True,
        )
        for name in ("train_loss", "val_loss", "val_accuracy", "images_per_second"):
            self._writer.add_scalar(name, row[name], row["epoch"])
        self._writer.flush()

    def _resumed(self, event: dict[str, Any]) -> None:
        self._console.print(f"going on after epoch {event['epoch']}", highlight=False)
