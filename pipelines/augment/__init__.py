"""What hands and scanners do to a digit, on batches of tensors."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from pipelines.augment.affine import affine
from pipelines.augment.line import as_written_again
from pipelines.augment.steps import EFFECTS as EFFECTS
from pipelines.augment.steps import as_from_paper


def augment(images: Tensor, family: str, without: Collection[str] = ()) -> Tensor:
    """Uint8 images in the model's form, as `family` changes them; `without` names effects of paper."""
    if family == "affine":
        return affine(images)
    if family == "line":
        return as_written_again(images)
    return as_from_paper(images, without) if family == "paper" else images
