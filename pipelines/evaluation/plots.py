"""Plots: training curves, confusion, calibration, the worst misreadings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from pipelines.evaluation.metrics import CALIBRATION_BINS
from pipelines.images.polarity import is_paper_bright

INK, PAPER, FIRST, SECOND = "#1f2933", "#ffffff", "#1f6feb", "#d9480f"


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120, facecolor=PAPER, bbox_inches="tight")


def _plain(axes: Axes, title: str, x: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(x)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def curves(history: list[dict[str, Any]], path: Path) -> None:
    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    loss, error = figure.subplots(1, 2)
    loss.plot(epochs, [row["train_loss"] for row in history], "o-", ms=3, color=SECOND, label="training")
    loss.plot(epochs, [row["val_loss"] for row in history], "o-", ms=3, color=FIRST, label="validation")
    loss.legend(frameon=False)
    _plain(loss, "Loss", "epoch")
    error.plot(epochs, [1 - row["val_accuracy"] for row in history], "o-", ms=3, color=FIRST)
    error.yaxis.set_major_formatter(PercentFormatter(1, decimals=2))
    _plain(error, "Validation error", "epoch")
    for axes in (loss, error):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(bottom=0)
    _save(figure, path)


def confusion(matrix: list[list[int]], classes: list[str], path: Path) -> None:
    counts = np.array(matrix)
    misread = counts * (1 - np.eye(len(counts), dtype=int))
    figure = Figure(figsize=(6, 5.6), layout="constrained")
    axes = figure.subplots()
    # The diagonal would drown the mistakes, so only these are shaded.
    axes.imshow(misread, cmap="Oranges", vmin=0, vmax=max(1, misread.max()))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            weight = "bold" if row == column else "normal"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, weight=weight, color=INK)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("read as")
    axes.set_ylabel("is")
    axes.set_title(f"{misread.sum()} of {counts.sum()} misread", loc="left", fontsize=11, color=INK)
    axes.spines[:].set_visible(False)
    _save(figure, path)


def reliability(confidence: NDArray[np.float32], right: NDArray[np.bool_], path: Path) -> None:
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color=INK, alpha=0.4, lw=1)
    used = [index for index in range(CALIBRATION_BINS) if (bins == index).any()]
    counts = np.array([(bins == index).sum() for index in used])
    x = np.array([confidence[bins == index].mean() for index in used])
    y = np.array([right[bins == index].mean() for index in used])
    # A handful of images says little about its bin: such a point is drawn faint and off the line.
    telling = counts >= 10
    axes.plot(x[telling], y[telling], "o-", color=FIRST)
    axes.plot(x[~telling], y[~telling], "o", color=FIRST, alpha=0.3)
    for count, across, up in zip(counts, x, y, strict=True):
        axes.annotate(f"{count}", (across, up), textcoords="offset points", xytext=(6, -9), fontsize=7)
    axes.set_xlim(0, 1.06)
    axes.set_ylim(0, 1.06)
    axes.set_ylabel("share right")
    _plain(axes, "Is the confidence earned? (images beside each point)", "confidence")
    _save(figure, path)


def gallery(images: NDArray[np.uint8], captions: list[str], title: str, path: Path, columns: int = 8) -> None:
    """Plot digits, dark on bright, with a caption under each; without digits, only the title."""
    rows = max(1, -(-len(images) // columns))
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    figure = Figure(figsize=(columns * 1.15, rows * (1.05 + 0.2 * lines) + 0.4), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.spines[:].set_visible(False)
        axes.set_xticks([])
        axes.set_yticks([])
    for axes, image, caption in zip(grid, images, captions, strict=False):
        axes.imshow(image if is_paper_bright(image) else 255 - image, cmap="gray", vmin=0, vmax=255)
        axes.set_xlabel(caption, fontsize=9, labelpad=2, color=INK)
    _save(figure, path)


def misreadings(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    probabilities: NDArray[np.float32],
    classes: list[str],
    path: Path,
    limit: int = 40,
) -> None:
    """Plot the most confident mistakes first: no threshold would have stopped them."""
    read, confidence = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(read != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    captions = [f"{classes[labels[k]]} read {classes[read[k]]}\n{confidence[k] * 100:.1f} %" for k in wrong[:limit]]
    shown = f", the surest {limit} shown" if len(wrong) > limit else ""
    gallery(images[wrong[:limit]], captions, f"{len(wrong)} of {len(labels)} misread{shown}", path)
