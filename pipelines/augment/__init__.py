"""What hands and scanners do to a digit, on batches of tensors."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from pipelines.augment.affine import affine
from pipelines.augment.paper import EFFECTS as EFFECTS
from pipelines.augment.paper import as_from_paper


def augment(images: Tensor, family: str, without: Collection[str] = ()) -> Tensor:
    """Uint8 images [N, 28, 28] in the model's form, as `family` changes them; `without` names effects of paper."""
    if family == "affine":
        return affine(images)
    return as_from_paper(images, without) if family == "paper" else images
