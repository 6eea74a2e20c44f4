"""Pages and fields made ready to be read: their cells in the model's form, and what else their reading needs.

All of it can be sent to another process. Cutting is the work of many, one engine call reads what they have cut.
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
    """The outputs of both models for what a field gave them to read."""

    digits: Probabilities
    lines: Sequence[Frames]


WEIGHTS = (0.4, 0.6)
"""Of the two ways in which a digit can be seen: there is a reason to see it with a piece of the printed line."""
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
    """What the engine is to read, [N, 28, 28]."""
    line: TextLine | None = dataclasses.field(default=None, kw_only=True)
    """What the reader of whole numbers is to read."""
    doubt: Reason | None = dataclasses.field(default=None, kw_only=True)
    """Why a person must look, whatever is read."""

    @property
    def needs_frame(self) -> bool:
        """Whether it must be seen to be there: a field that was torn off must not pass as blank."""
        return False

    def read(self, outputs: ModelOutputs, classes: Sequence[str], accept: Acceptance) -> FieldReading:
        """The value of the field, from the outputs of the models."""
        reading = self._read(outputs, classes, accept.of(self.field))
        return doubted(reading, self.doubt) if self.doubt else reading

    @abstractmethod
    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading: ...


@dataclass(frozen=True)
class CombField(PreparedField):
    """Digits in cells; blank ones have nothing to read, and some can be seen in two ways."""

    boxes: tuple[Box, ...]
    ways: tuple[int, ...]
    """How many digits were made of each cell."""
    struck: tuple[bool, ...]
    """Which cells are struck out, as unused ones are on a form that asks for that."""

    @property
    def needs_frame(self) -> bool:
        return not any(self.ways)

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        parts = np.split(outputs.digits, np.cumsum(self.ways)[:-1])
        nothing = np.zeros(len(classes), np.float32)
        # Seen in two ways that speak against each other, a digit is not sure.
        cells = [
            _cell(box, np.average(ways, 0, WEIGHTS[: len(ways)]) * (not struck), classes)
            if len(ways)
            else CellReading("", 1.0, box, True, nothing)
            for box, ways, struck in zip(self.boxes, parts, self.struck, strict=True)
        ]
        return read_cells(self.field, cells, classes, accept_above)


@dataclass(frozen=True)
class NumberField(PreparedField):
    """Digits free in a box, read as one line; no line where nothing is written."""

    @property
    def needs_frame(self) -> bool:
        return self.line is None

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        if self.line is None:
            return choose(self.field, (), accept_above)
        found = read_line(self.line, outputs.lines[0], self.field.length)
        if not found.value:
            # It must not pass as blank.
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
        # What darkens a box that is torn off looks like a tick.
        return True

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        note = UNCLEAR if self.confidence < accept_above else None
        return judge(self.field, TICKED if self.ticked else EMPTY, self.confidence, accept_above, note=note)


@dataclass(frozen=True)
class PictureField(PreparedField):
    """Kept as a picture, and not read."""

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        return FieldReading(self.field, None, 1.0, Status.OK)


@dataclass(frozen=True)
class MissingField(PreparedField):
    """Where the page is torn off or covered."""

    def _read(self, outputs: ModelOutputs, classes: Sequence[str], accept_above: float) -> FieldReading:
        return FieldReading(self.field, None, 0.0, Status.ERROR, MISSING)


@dataclass(frozen=True)
class PreparedPage:
    source: str
    page: int
    """From 1, as people count."""
    template: Template | None = None
    reason: Reason | None = None
    """Why it cannot be read, if so."""
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
    """Where the blank page is not known, it may be that the form prints none there."""
    if straight.template.register.reference is None:
        return replace(prepared, doubt=ALONE)
    return MissingField(prepared.field)


def _prepare(straight: RegisteredPage, field: Field) -> PreparedField:
    if straight.shows(field.box):
        return PREPARERS[field.kind](straight, field)
    if straight.takes_in(field.box) and seen(straight, [field]):
        # The print around it may be lost to a fold or a stain as well.
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
