"""What a recipe adds to a corpus: digits of more hands, and what is no digit."""

from __future__ import annotations

import numpy as np

from pipelines.corpora.corpus import Split
from pipelines.drawing.non_digits import draw_junk
from pipelines.drawing.pen import draw_digits
from pipelines.errors import UsageError
from pipelines.training.options import DIGITS, TrainingOptions

# Nothing here may draw what the built-in corpus and the tests draw.
SEED = 1_000_003


def mixed(split: Split, options: TrainingOptions) -> Split:
    """The split and what is mixed in, in this order; with nothing to mix in, the split itself."""
    more = mixed_in(len(split), options)
    seed = SEED + 2 * options.seed
    images, labels = [split.images], [split.labels]
    if more["drawn"]:
        drawn, read = draw_digits(more["drawn"], seed)
        images.append(drawn)
        labels.append(read)
    if more["junk"]:
        images.append(draw_junk(more["junk"], seed + 1))
        labels.append(np.full(more["junk"], len(DIGITS), np.uint8))
    return split if len(images) == 1 else Split(np.concatenate(images), np.concatenate(labels))


def mixed_in(count: int, options: TrainingOptions) -> dict[str, int]:
    """How many of each kind are added to this many training images."""
    shares = {"drawn": options.drawn, "junk": options.junk}
    for name, share in shares.items():
        if share > 0 and not round(share * count):
            raise UsageError(f"--{name} {share:.12g} of {count:,} training images is none; take a larger share, or 0.")
    return {name: round(share * count) for name, share in shares.items()}
