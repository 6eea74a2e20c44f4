"""Pages and fields prepared for reading: their cells as model input, and whatever else decoding them needs.

Everything here can be sent to another process: many workers cut pages, and one engine call reads all their cells.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.cutting import cut_cells, cut_field
from pipelines.forms.cells.marks import mark_of
from pipelines.forms.decoding.field_values import choose, read_cells
from pipelines.forms.registration.presence import seen, vanished
from pipelines.forms.registration.registered_page import DOTS_PER_MM, RegisteredPage
from pipelines.forms.results import EMPTY, TICKED, Acceptance, CellReading, FieldReading, doubted, judge
from pipelines.forms.template import Box, Field, FieldKind, Template
from pipelines.images import SIDE, to_model_input
from pipelines.inference.outcome import Reason, ReasonCode, Status
from pipelines.strings.ctc import Frames
from pipelines.strings.line import TextLine, find_line
from pipelines.strings.reading import FoundDigit, as_grey, read_line

Digits = NDArray[np.uint8]
Probabilities = NDArray[np.float32]

NO_DIGITS: Digits = np.zeros((0, SIDE, SIDE), np.uint8)


class ModelOutputs(NamedTuple):
    """The outputs of both models for what one field gave them to read."""

    digits: Probabilities
    lines: Sequence[Frames]


WEIGHTS = (0.4, 0.6)
"""Weights of the two images of a digit; the second includes a piece of the printed line for good reason."""
UNCLEAR = Reason(ReasonCode.UNCLEAR_MARK, "it is not clear whether the box is ticked")
NO_NUMBER = Reason(ReasonCode.NOT_A_NUMBER, "what is written does not look like a number")
ALONE = Reason(
    ReasonCode.FRAME_NOT_FOUND, "what is printed around it was not found: the page may be torn or covered here"
)
MISSING = Reason(ReasonCode.FIELD_MISSING, "the page is torn off, covered or cut here")


@dataclass(frozen=True)
class PreparedField(ABC):
    field: Field
    digits: Digits = dataclasses.field(default_factory=lambda: NO_DIGITS, kw_only=True)
    """Input of the digit model, [N, 28, 28]."""
    line: TextLine | None = dataclasses.field(default=None, kw_only=True)
    """Input of the reader of whole numbers."""
    doubt: Reason | None = dataclasses.field(default=None, kw_only=True)
    """Why a person must look, whatever is read."""

    @property
    def needs_frame(self) -> bool:
        """Whether the frame must be visible: a field that was torn off must not pass as blank."""
        return False

    def read(self, outputs: ModelOutputs, classes: Sequence[str], accept: Acceptance) -> FieldReading:
        """Return the value of the field from the outputs of the models."""
        reading = self._read(outputs, classes, accept.of(self.field))
        return doubted(reading, self.doubt) if self.doubt else reading

    @abstractmethod
    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading: ...


@dataclass(frozen=True)
class CombField(PreparedField):
    """Digits in cells; blank cells have nothing to read, and some cells have two images."""

    boxes: tuple[Box, ...]
    ways: tuple[int, ...]
    """The number of images made of each cell."""
    struck: tuple[bool, ...]
    """Which cells are struck out, like unused cells on a form that asks for it."""

    @property
    def needs_frame(self) -> bool:
        return not any(self.ways)

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        parts = np.split(outputs.digits, np.cumsum(self.ways)[:-1])
        nothing = np.zeros(len(classes), np.float32)
        # A digit whose two images contradict each other has a low confidence.
        cells = [
            _cell(box, np.average(ways, 0, WEIGHTS[: len(ways)]) * (not struck), classes)
            if len(ways)
            else CellReading("", 1.0, box, True, nothing)
            for box, ways, struck in zip(self.boxes, parts, self.struck, strict=True)
        ]
        return read_cells(self.field, cells, classes, accept_above)


@dataclass(frozen=True)
class NumberField(PreparedField):
    """Free digits in a box, read as one line; `line` is None if nothing is written."""

    @property
    def needs_frame(self) -> bool:
        return self.line is None

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        if self.line is None:
            return choose(self.field, (), accept_above)
        found = read_line(self.line, outputs.lines[0], self.field.length)
        if not found.value:
            # The field must not pass as blank.
            return judge(self.field, "", 0.0, accept_above, note=NO_NUMBER, needs_review=True)
        candidates = [(one.digits, one.probability) for one in found.alternatives]
        return choose(self.field, candidates, accept_above, tuple(self._cell(digit, classes) for digit in found.digits))

    def _cell(self, digit: FoundDigit, classes: Sequence[str]) -> CellReading:
        left, top, width, height = (side / DOTS_PER_MM for side in digit.box)
        box = Box(self.field.box.left + left, self.field.box.top + top, width, height)
        outputs = np.zeros(len(classes), np.float32)
        outputs[classes.index(digit.label)] = digit.confidence
        return CellReading(digit.label, digit.confidence, box, False, outputs)


@dataclass(frozen=True)
class MarkField(PreparedField):
    ticked: bool
    confidence: float

    @property
    def needs_frame(self) -> bool:
        # The darkness of a torn-off box looks like a tick.
        return True

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        note = UNCLEAR if self.confidence < accept_above else None
        return judge(self.field, TICKED if self.ticked else EMPTY, self.confidence, accept_above, note=note)


@dataclass(frozen=True)
class PictureField(PreparedField):
    """A field that is kept as a picture and not read."""

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        return FieldReading(self.field, None, 1.0, Status.OK)


@dataclass(frozen=True)
class MissingField(PreparedField):
    """A field where the page is torn off or covered."""

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        return FieldReading(self.field, None, 0.0, Status.ERROR, MISSING)


@dataclass(frozen=True)
class PreparedPage:
    source: str
    page: int
    """Counted from 1, as people do."""
    template: Template | None = None
    reason: Reason | None = None
    """Why the page cannot be read, if it cannot."""
    fields: tuple[PreparedField, ...] = ()
    picture: bytes = b""
    """The straightened page as JPEG."""
    residual_mm: float | None = None


def _cell(box: Box, outputs: Probabilities, classes: Sequence[str]) -> CellReading:
    best = int(outputs.argmax())
    return CellReading(classes[best], float(outputs[best]), box, False, outputs)


def prepare_fields(straight: RegisteredPage) -> tuple[PreparedField, ...]:
    fields = [_prepare(straight, field) for field in straight.template.fields]
    lost = vanished(straight, [one.field for one in fields if one.needs_frame])
    return tuple(_without_frame(straight, one) if one.field.name in lost else one for one in fields)


def _without_frame(straight: RegisteredPage, prepared: PreparedField) -> PreparedField:
    """Without a known blank page, the form may simply have no printed frame there."""
    if straight.template.register.reference is None:
        return replace(prepared, doubt=ALONE)
    return MissingField(prepared.field)


def _prepare(straight: RegisteredPage, field: Field) -> PreparedField:
    if straight.shows(field.box):
        return PREPARERS[field.kind](straight, field)
    if straight.takes_in(field.box) and seen(straight, [field]):
        # The print around the field may have been lost to a fold or a stain.
        return replace(PREPARERS[field.kind](straight, field), doubt=ALONE)
    return MissingField(field)


def _comb(straight: RegisteredPage, field: Field) -> PreparedField:
    cuts = cut_cells(straight, field)
    ways = [[] if cut.blank else [cut.image] if cut.fuller is None else [cut.image, cut.fuller] for cut in cuts]
    digits = to_model_input([image for images in ways for image in images])
    boxes, counts = tuple(cut.box for cut in cuts), tuple(map(len, ways))
    struck = tuple(cut.flat and field.fill is not None for cut in cuts)
    return CombField(field, boxes, counts, struck, digits=digits, doubt=_disturbed([cut.disturbed for cut in cuts]))


def _disturbed(cells: Sequence[bool]) -> Reason | None:
    disturbed = [str(at + 1) for at, one in enumerate(cells) if one]
    named = "cell " if len(disturbed) == 1 else "cells "
    return _stray_ink(named + ", ".join(disturbed)) if disturbed else None


def _stray_ink(where: str) -> Reason:
    return Reason(
        ReasonCode.STRAY_INK, f"something runs through {where} and beyond it, such as a fold, a stain or a stroke"
    )


def _number(straight: RegisteredPage, field: Field) -> PreparedField:
    found = cut_field(straight, field)
    line = None if found.blank else find_line(as_grey(found.image))
    return NumberField(field, line=line, doubt=_stray_ink("the box") if found.disturbed else None)


def _mark(straight: RegisteredPage, field: Field) -> PreparedField:
    seen = mark_of(straight, field)
    return MarkField(field, seen.ticked, seen.confidence, doubt=seen.doubt)


def _picture(straight: RegisteredPage, field: Field) -> PreparedField:
    return PictureField(field)


PREPARERS: dict[FieldKind, Callable[[RegisteredPage, Field], PreparedField]] = {
    "digits": _comb,
    "number": _number,
    "mark": _mark,
    "text_image": _picture,
}
