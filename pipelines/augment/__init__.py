"""Augmentation of batches of digits: what handwriting, forms and scanners do to them."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from pipelines.augment.affine import affine
from pipelines.augment.line import as_written_again
from pipelines.augment.steps import EFFECTS as EFFECTS
from pipelines.augment.steps import as_from_paper


def augment(images: Tensor, family: str, without: Collection[str] = ()) -> Tensor:
    """Augment uint8 images [N, 28, 28] by a family: affine, line, paper or none. `without` names effects of paper."""
    if family == "affine":
        return affine(images)
    if family == "line":
        return as_written_again(images)
    return as_from_paper(images, without) if family == "paper" else images
