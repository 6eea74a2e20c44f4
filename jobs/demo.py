#!/usr/bin/env python
"""What inkray does, in a minute and without data: train on built-in digits, then show what was read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.columns import Columns
from rich.console import Console
from rich.text import Text

from jobs import train
from jobs._cli import run
from pipelines import pictures, places
from pipelines.corpora.builtin import load_builtin
from pipelines.recognizer import Recognizer

MODEL = "demo"


@dataclass(frozen=True)
class Demo:
    """Train a small reader on built-in digits and show what it reads.

    python jobs/demo.py
    """

    epochs: int = 4
    """Epochs of the training; one takes a few seconds."""
    show: int = 12
    """How many test digits are shown on the terminal."""


def main(options: Demo) -> None:
    console = Console()
    console.rule("training a reader on 12,000 built-in digits", align="left")
    train.main(train.Train(corpus="builtin", network="ink", epochs=options.epochs, model=MODEL))
    digits = load_builtin().test
    assert digits is not None
    with Recognizer(MODEL) as recognizer:
        reading = recognizer.read(digits.images)
    captions = [f"{label}, {sure * 100:.1f} %" for label, sure in zip(reading.labels, reading.confidences, strict=True)]
    console.rule(f"{recognizer.model} reads digits it has never seen", align="left")
    shown = range(min(options.show, len(captions)))
    console.print(Columns([_drawing(digits.images[k], captions[k]) for k in shown], padding=(1, 2)))
    picture = places.home() / "demo.png"
    pictures.gallery(digits.images[:64], captions[:64], f"{recognizer.model} on built-in test digits", picture)
    console.print(f"64 of them as a picture: {picture}", highlight=False, soft_wrap=True)
    console.print("Next: python jobs/train.py --help, python jobs/evaluate.py --help, README.md", highlight=False)


def _drawing(image: NDArray[np.uint8], caption: str) -> Text:
    """A digit in shades of ink: two rows of pixels in one of characters, which are twice as high as wide."""
    middle = image[3:25, 4:24].astype(int)
    pixels = (middle[::2] + middle[1::2]) // 2
    shades = " ░▒▓█"
    rows = ["".join(shades[min(4, value // 51)] for value in row) for row in pixels]
    return Text("\n".join([*rows, caption.center(len(rows[0]))]), no_wrap=True)


if __name__ == "__main__":
    run(Demo, main)
