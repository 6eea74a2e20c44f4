"""Whole sets of training options by name, as the shipped models were trained."""

from __future__ import annotations

from pipelines.errors import UnknownName
from pipelines.training.options import TrainingOptions

RECIPES = {
    "ink": TrainingOptions(
        network="ink",
        corpus="mnist",
        epochs=120,
        batch=256,
        learning_rate=0.006,
        weight_decay=0.02,
        label_smoothing=0.0,
        ema=0.999,
        augment="paper",
        drawn=0.25,
        junk=0.15,
        calibrate=True,
        validation=0.05,
    ),
    "lines": TrainingOptions(
        network="lines",
        corpus="mnist",
        epochs=12,
        batch=64,
        learning_rate=0.003,
        weight_decay=0.02,
        clip=10.0,
        ema=0.998,
        augment="line",
        lines=80_000,
        junk=0.06,
        calibrate=True,
        validation=0.05,
    ),
}


def recipe_named(name: str) -> TrainingOptions:
    if name not in RECIPES:
        raise UnknownName("recipe", name, RECIPES)
    return RECIPES[name]
