from __future__ import annotations

import numpy as np
import pytest

from pipelines.errors import UsageError
from pipelines.training.mixture import mixed
from pipelines.training.options import TrainingOptions
from tests.digits import drawn


def test_without_a_wish_the_split_is_what_it_was() -> None:
    split = drawn(20)
    assert mixed(split, TrainingOptions()) is split


def test_drawn_digits_and_junk_follow_the_corpus() -> None:
    split = drawn(100)
    more = mixed(split, TrainingOptions(drawn=0.2, junk=0.3))
    assert len(more) == 150
    assert np.array_equal(more.images[:100], split.images)
    assert np.bincount(more.labels[100:120], minlength=11).tolist() == [2] * 10 + [0]
    assert (more.labels[120:] == 10).all()


@pytest.mark.parametrize("name", ["drawn", "junk"])
def test_a_share_that_comes_to_nothing_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        mixed(drawn(20), TrainingOptions(**{name: 0.02}))  # type: ignore[arg-type]
    assert str(caught.value) == f"--{name} 0.02 of 20 training images is none; take a larger share, or 0."


def test_another_seed_mixes_in_others() -> None:
    split = drawn(50)
    one, other = (mixed(split, TrainingOptions(drawn=0.4, junk=0.4, seed=seed)) for seed in (0, 1))
    assert one.fingerprint() == mixed(split, TrainingOptions(drawn=0.4, junk=0.4, seed=0)).fingerprint()
    assert not np.array_equal(one.images[50:70], other.images[50:70])
    assert not np.array_equal(one.images[70:], other.images[70:])


def test_junk_is_an_eleventh_class_and_only_then() -> None:
    assert TrainingOptions(drawn=0.1).classes() == list("0123456789")
    assert TrainingOptions(junk=0.1).classes() == [*"0123456789", "none"]
