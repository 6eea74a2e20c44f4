"""A second opinion on a picture that the digit reader is unsure of, by the reader of lines.

Both look at the prepared picture, so that a digit gets the same answer from a PNG, a parquet file and a request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import UsageError
from pipelines.images.digits import INK
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.models.folder import ModelFolder
from pipelines.models.version import BUILTIN
from pipelines.strings.central import central_digits
from pipelines.strings.ctc import DIGITS

Asked = Literal["auto", "always", "never"]
Images = NDArray[np.uint8]
Probabilities = NDArray[np.float32]

NONE = "none"
UNSURE = 0.85
"""Less sure readings of ink in several pieces are doubted. No second opinion is surer than this, which is below what
the built-in model needs to be accepted: so it is always for a person to review."""
UNSURE_OF_ONE = 0.4
"""Ink in one piece, with nothing beside it, is doubted below this."""
PIECE = 4
"""The fewest pixels of a piece of ink."""
AGREED = 0.8
"""From this share on of what both readers find likely, a digit is taken."""
UNLIKELY = 1e-3
"""Each reader finds every digit at least this likely, so that it never rules one out alone."""
DOUBTED = 0.5
"""What remains of a `none` where the reader of lines sees a digit that is not taken."""


def is_asked(asked: Asked, model: ModelFolder) -> bool:
    """Whether the readings of this model get a second opinion."""
    reads_digits = [name for name in model.classes if name != NONE] == list(DIGITS)
    if asked == "always" and not reads_digits:
        raise UsageError(
            f"{model.reference} reads {', '.join(model.classes)}, and a second opinion is on the ten digits alone; "
            "do without it.",
            option="second_opinion",
        )
    # How sure a model of one's own is where it is wrong is not known.
    return asked == "always" or (asked == "auto" and model.manifest["name"] == BUILTIN)


class SecondOpinion:
    """Opens the reader of lines when it is first asked; may be called from many threads at once."""

    def __init__(self, classes: Sequence[str], open_lines: Callable[[], LineRecognizer]) -> None:
        self._none = list(classes).index(NONE) if NONE in classes else -1
        self._digits = np.array([list(classes).index(digit) for digit in DIGITS])
        self._open, self._opening = open_lines, Lock()
        self._opened: LineRecognizer | None = None

    @property
    def lines(self) -> LineRecognizer:
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def doubted(self, images: Images, probabilities: Probabilities) -> list[int]:
        """Which of these prepared pictures need a second opinion, by what they were read as."""
        nothing, sure = probabilities.argmax(1) == self._none, probabilities.max(1, initial=0)
        unsure, of_one = nothing | (sure < UNSURE), nothing | (sure < UNSURE_OF_ONE)
        pieces = {int(index): _pieces(images[index]) for index in np.flatnonzero(unsure)}
        return [index for index, count in pieces.items() if count > 1 or (count == 1 and of_one[index])]

    def on(self, images: Images, probabilities: Probabilities) -> tuple[Probabilities, NDArray[np.bool_]]:
        """The probabilities after the reader of lines has seen what is doubted, and which of them it changed."""
        changed = np.zeros(len(images), np.bool_)
        doubted = self.doubted(images, probabilities)
        if not doubted:
            return probabilities, changed
        probabilities = probabilities.copy()
        for index, seen in zip(doubted, central_digits(list(images[doubted]), self.lines), strict=True):
            together = None if seen is None else self._together(probabilities[index], seen)
            if together is not None:
                probabilities[index], changed[index] = together, True
        return probabilities, changed

    def _together(self, own: Probabilities, seen: Probabilities) -> Probabilities | None:
        """What both readers say; None where the second one decides nothing."""
        shares = np.sqrt(np.maximum(own[self._digits], UNLIKELY) * np.maximum(seen, UNLIKELY))
        shares /= shares.sum()
        best = int(shares.argmax())
        if shares[best] >= AGREED:
            digit = int(self._digits[best])
            return _given(own, digit, max(min(float(shares[best]), UNSURE), float(own[digit])))
        if own.argmax() != self._none:
            return None
        doubtful = np.full_like(own, DOUBTED)
        doubtful[self._digits] = (1 - DOUBTED) * shares
        return doubtful


def _given(own: Probabilities, digit: int, sure: float) -> Probabilities:
    """One digit is so sure, and the other classes share the rest as they did."""
    rest = own.copy()
    rest[digit] = 0
    rest *= (1 - sure) / max(float(rest.sum()), 1e-9)
    rest[digit] = sure
    return rest


def _pieces(image: Images) -> int:
    """Of how many pieces the ink is, without specks."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((image >= INK).astype(np.uint8), connectivity=8)
    return int((stats[1:, cv2.CC_STAT_AREA] >= PIECE).sum())
