"""The corpus that comes with the installation: digits drawn by `pipelines.drawing.pen`, the same on every machine."""

from __future__ import annotations

from pipelines.corpora.corpus import Corpus, Split
from pipelines.drawing.pen import draw_digits

TRAIN, TEST = 12_000, 2_000


def load_builtin() -> Corpus:
    return Corpus("builtin", train=Split(*draw_digits(TRAIN, seed=1)), test=Split(*draw_digits(TEST, seed=2)))
