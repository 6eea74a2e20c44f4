from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import UnknownName, UsageError
from pipelines.training.options import TrainingOptions, learning_rate_at

SCHEDULES = ("one-cycle", "cosine", "step")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0; it must be at least 1."),
        ({"batch": 1}, "batch is 1; it must be at least 2."),
        ({"learning_rate": 0.0}, "learning_rate is 0; it must be above 0."),
        ({"learning_rate": -0.1}, "learning_rate is -0.1; it must be above 0."),
        ({"learning_rate": math.nan}, "learning_rate is nan; it must be above 0."),
        ({"learning_rate": math.inf}, "learning_rate is inf; it must be above 0."),
        ({"weight_decay": -1.0}, "weight_decay is -1; it must be at least 0."),
        ({"label_smoothing": 1.0}, "label_smoothing is 1; it must be at least 0 and below 1."),
        ({"ema": 1.0}, "ema is 1; it must be at least 0 and below 1."),
        ({"clip": -2.5}, "clip is -2.5; it must be at least 0."),
        ({"validation": 0.0}, "validation is 0; it must be above 0 and below 1."),
        ({"validation": 1.0}, "validation is 1; it must be above 0 and below 1."),
        (
            {"without": "lines"},
            "Only the augmentation paper has effects to leave out, not affine; leave lines in.",
        ),
        ({"lines": -1}, "lines is -1; it must be at least 0."),
        (
            {"lines": 100},
            "The network ink does not go with 100 lines to learn: lines are read by the network lines, and by no "
            "other; the recipe lines has both.",
        ),
        (
            {"network": "lines"},
            "The network lines does not go with 0 lines to learn: lines are read by the network lines, and by no "
            "other; the recipe lines has both.",
        ),
        ({"augment": "line"}, "The augmentation line is not for single digits; take another."),
        ({"network": "lines", "lines": 9}, "The augmentation affine is not for lines; take another."),
        (
            {"network": "lines", "lines": 9, "augment": "line", "drawn": 0.1},
            "Drawn digits and label smoothing are not for lines; leave them out.",
        ),
        ({"seed": -1}, "seed is -1; it must be at least 0 and below 2147483648."),
        ({"seed": 2**31}, "seed is 2147483648; it must be at least 0 and below 2147483648."),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        TrainingOptions(**changes).check()
    assert str(caught.value) == message


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"^There is no network 'imk'; known: .* Did you mean 'ink'\?$"):
        TrainingOptions(network="imk").check()


def test_the_defaults_and_the_limits_make_sense() -> None:
    TrainingOptions().check()
    TrainingOptions(augment="paper", without="lines, jpeg").check()
    TrainingOptions(network="lines", lines=1, augment="none").check()
    TrainingOptions(epochs=1, batch=2, weight_decay=0, seed=2**31 - 1, ema=0.999, clip=1).check()


@pytest.mark.parametrize("schedule", SCHEDULES)
@settings(deadline=None)
@given(st.integers(50, 5000), st.floats(1e-6, 10))
def test_a_schedule_peaks_at_the_option_and_ends_small(schedule: Any, steps: int, peak: float) -> None:
    options = TrainingOptions(schedule=schedule, learning_rate=peak)
    rates = [learning_rate_at(options, step, steps) for step in range(steps)]
    assert min(rates) > 0
    assert 0.95 * peak < max(rates) <= peak * (1 + 1e-9)
    assert rates[-1] <= 0.011 * peak


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_is_positive_however_short_the_run(schedule: Any) -> None:
    options = TrainingOptions(schedule=schedule)
    for steps in range(1, 30):
        assert all(0 < learning_rate_at(options, step, steps) <= options.learning_rate for step in range(steps))


def test_one_cycle_climbs_for_a_fifth_and_falls_from_then_on() -> None:
    options = TrainingOptions(schedule="one-cycle", learning_rate=1.0)
    rates = [learning_rate_at(options, step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.04)
    assert rates.index(max(rates)) == 200
    assert rates[:201] == sorted(rates[:201])
    assert rates[200:] == sorted(rates[200:], reverse=True)
    assert max(abs(after - before) for before, after in pairwise(rates)) < 0.01


def test_step_falls_tenfold_twice() -> None:
    options = TrainingOptions(schedule="step", learning_rate=1.0)
    rates = [learning_rate_at(options, step, 100) for step in range(100)]
    assert rates == [1.0] * 60 + [0.1] * 25 + [0.01] * 15
