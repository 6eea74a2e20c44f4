"""The options of a training run, and whether they make sense together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pipelines.augment import EFFECTS
from pipelines.errors import UnknownName, UsageError, check_range
from pipelines.networks.architectures import LINE_NETWORKS, NETWORKS

DIGITS = [str(digit) for digit in range(10)]
NONE = "none"
BLANK = ""
"""The class of a frame of a line in which no digit begins: the blank of CTC."""


@dataclass(frozen=True)
class TrainingOptions:
    network: str = "ink"
    """Which network: cnn, small, small-dropout, mlp3, mlp5, lenet5 or ink; or lines, which reads whole numbers."""
    corpus: str = "mnist"
    """What to learn from: mnist, builtin, idx:IMAGES,LABELS, folder:PATH or parquet:PATH."""
    epochs: int = 10
    """How often every training image is seen."""
    batch: int = 256
    """Images in one step, over all workers together."""
    optimizer: Literal["sgd", "adam", "adamw", "muon"] = "adamw"
    """muon takes AdamW's learning rate and decay, and does AdamW's work where it is not meant for the weights."""
    learning_rate: float = 0.004
    """The highest learning rate of the schedule."""
    weight_decay: float = 0.01
    """How strongly the weights are drawn towards 0; 0 is off."""
    schedule: Literal["one-cycle", "cosine", "step"] = "one-cycle"
    """How the learning rate goes: up for a fifth of the run and then down; only down; or down tenfold twice."""
    label_smoothing: float = 0.0
    """The share of each label that is spread over all classes, against too much confidence; 0 is off."""
    ema: float = 0.0
    """Average the weights with this decay a step, such as 0.998, and judge the average; 0 is off."""
    clip: float = 0.0
    """Cut the gradient's norm to this; 0 is off."""
    augment: Literal["none", "affine", "paper", "line"] = "affine"
    """What is done to a training image before it is seen: nothing; small turns, shears, scales and shifts; what pens,
    forms and scanners do to most of them; or, to a line, another hand and pen."""
    without: str = ""
    """Effects of paper to leave out, with commas between, such as lines,jpeg."""
    drawn: float = 0.0
    """Mix in pen-drawn digits in more hands, this many for each training image of the corpus."""
    junk: float = 0.0
    """Mix in what is no digit, this many for each training image, and learn to read it as an eleventh class, none."""
    lines: int = 0
    """Learn to read whole numbers, with the network lines: so many are drawn, half of them with the corpus's digits and
    half with the pen's; of these, the share `junk` is no number."""
    calibrate: bool = False
    """After training, fit the temperature of the confidences on the held-back images, augmented."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """bf16 is what auto takes where the chip computes in it."""
    validation: float = 0.08
    """The share of the training images that is held back to choose the best epoch."""
    seed: int = 0
    """Another seed starts from other weights, in another order, and holds other images back."""

    def left_out(self) -> list[str]:
        return [effect.strip() for effect in self.without.split(",") if effect.strip()]

    def classes(self) -> list[str]:
        return DIGITS + ([BLANK] if self.lines else [NONE] if self.junk else [])

    def check(self) -> None:
        if self.network not in NETWORKS | LINE_NETWORKS:
            raise UnknownName("network", self.network, NETWORKS | LINE_NETWORKS)
        for effect in self.left_out():
            if effect not in EFFECTS:
                raise UnknownName("effect of paper", effect, EFFECTS)
        if self.left_out() and self.augment != "paper":
            raise UsageError(
                f"Only the augmentation paper has effects to leave out, not {self.augment}; leave {self.without} in.",
                option="without",
            )
        check_range("lines", self.lines, at_least=0)
        check_range("epochs", self.epochs, at_least=1)
        check_range("batch", self.batch, at_least=2)
        check_range("learning_rate", self.learning_rate, above=0)
        check_range("weight_decay", self.weight_decay, at_least=0)
        check_range("label_smoothing", self.label_smoothing, at_least=0, below=1)
        check_range("ema", self.ema, at_least=0, below=1)
        check_range("clip", self.clip, at_least=0)
        check_range("drawn", self.drawn, at_least=0, at_most=1)
        check_range("junk", self.junk, at_least=0, at_most=1)
        check_range("validation", self.validation, above=0, below=1)
        check_range("seed", self.seed, at_least=0, below=2**31)
        self._check_lines()

    def _check_lines(self) -> None:
        if (self.network in LINE_NETWORKS) != (self.lines > 0):
            raise UsageError(
                f"The network {self.network} does not go with {self.lines} lines to learn: "
                "lines are read by the network lines, and by no other; the recipe lines has both."
            )
        if (self.augment == "line") > (self.lines > 0) or (self.lines and self.augment not in ("none", "line")):
            raise UsageError(
                f"The augmentation {self.augment} is not for {'lines' if self.lines else 'single digits'}; "
                "take another.",
                option="augment",
            )
        if self.lines and (self.drawn or self.label_smoothing):
            raise UsageError("Drawn digits and label smoothing are not for lines; leave them out.")


def learning_rate_at(options: TrainingOptions, step: int, steps: int) -> float:
    """A pure function of the step, so that a resumed run goes on exactly where it was."""
    done, peak = step / max(1, steps), options.learning_rate
    if options.schedule == "step":
        return peak * (1.0 if done < 0.6 else 0.1 if done < 0.85 else 0.01)
    if options.schedule == "one-cycle":
        warm = 0.2
        if done < warm:
            return peak * (0.04 + 0.96 * done / warm)
        done = (done - warm) / (1 - warm)
    return peak * (0.001 + 0.999 * (1 + math.cos(math.pi * done)) / 2)
