from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.corpora import Split, load_corpus
from pipelines.corpora.statistics import measure


def test_mnist_has_the_published_mean_and_deviation(measuring_data: Path) -> None:
    numbers = measure(load_corpus("mnist", measuring_data).train)
    assert (f"{numbers.mean:.4f}", f"{numbers.sd:.4f}") == ("0.1307", "0.3081")
    assert numbers.per_class == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_same_as_the_definition(digits: Split) -> None:
    many = Split(np.tile(digits.images, (120, 1, 1)), np.tile(digits.labels, 120))
    numbers = measure(many)
    assert numbers.count == 4800
    assert numbers.mean == pytest.approx((many.images / 255).mean(), abs=1e-12)
    assert numbers.sd == pytest.approx((many.images / 255).std(), abs=1e-12)
    assert numbers.ink == pytest.approx((many.images > 0).mean(), abs=1e-12)
    assert numbers.fingerprint == many.fingerprint()


def test_classes_that_are_absent_count_zero() -> None:
    numbers = measure(Split(np.zeros((3, 28, 28), np.uint8), np.array([2, 2, 9], np.uint8)))
    assert numbers.per_class == [0, 0, 2, 0, 0, 0, 0, 0, 0, 1]
    assert (numbers.ink, numbers.mean, numbers.sd) == (0, 0, 0)
