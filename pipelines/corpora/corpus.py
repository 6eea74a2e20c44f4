"""A corpus: labelled digit images in memory, split into training and test images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.images import SIDE, to_model_input


@dataclass(frozen=True)
class Split:
    """Images as the model sees them (uint8 [N, 28, 28], ink bright on dark) and their labels (uint8 [N])."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != (SIDE, SIDE):
            raise DataError(
                f"Images must be uint8 [N, {SIDE}, {SIDE}], not {self.images.dtype} {list(self.images.shape)}."
            )
        if len(self.images) != len(self.labels):
            raise DataError(f"There are {len(self.images)} images but {len(self.labels)} labels.")

    def __len__(self) -> int:
        return len(self.labels)

    def prepared(self) -> Split:
        """Prepare the images as at inference; most corpora have that form already."""
        return Split(to_model_input(self.images), self.labels)

    def fingerprint(self) -> str:
        """A hash of pixels and labels in their order, independent of where they came from."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Corpus:
    """A named training set. `test` is None where the source has only one split."""

    name: str
    train: Split
    test: Split | None
