"""Small corpora for the tests of formats."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.corpora.corpus import Corpus, Split


def random_split(count: int, seed: int) -> Split:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, 28, 28)).astype(np.uint8)
    return Split(images, random.integers(0, 10, count).astype(np.uint8))


@pytest.fixture
def digits() -> Split:
    return random_split(40, seed=1)


@pytest.fixture
def corpus() -> Corpus:
    return Corpus("small", random_split(40, seed=1), random_split(15, seed=2))
