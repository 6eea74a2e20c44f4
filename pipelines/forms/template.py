"""What a form is: its page, how a scan of it is found and laid straight, its fields, and what must hold among them.

All places are millimetres from the page's upper left corner.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

FieldKind = Literal["digits", "number", "mark", "text_image"]
RegisterBy = Literal["reference", "corners", "qr", "none"]
CHECKSUMS = ("luhn", "mod97", "mod11", "verhoeff", "isbn")
SIZES = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}
"""Width and height of the usual papers."""


@dataclass(frozen=True)
class Box:
    """A rectangle on the page, in millimetres."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def to_json(self) -> list[float]:
        """Left, top, width and height, to the micrometre."""
        return [round(side, 3) for side in (self.left, self.top, self.width, self.height)]


@dataclass(frozen=True)
class Field:
    name: str
    kind: FieldKind
    box: Box
    cells: int | None = None
    """How many cells of a comb the box holds, all of one width if `cell_boxes` says nothing else; of `digits` only."""
    cell_boxes: tuple[Box, ...] = ()
    """Where the cells lie one by one, if they are not all of one width or stand apart."""
    length: tuple[int, int] | None = None
    """The fewest and the most digits of the value; by default any number that has room."""
    pattern: str | None = None
    """A regular expression that the whole value matches."""
    min: int | None = None
    max: int | None = None
    checksum: str | None = None
    allowed: frozenset[str] | None = None
    """Every value there can be."""
    blank: bool = True
    """Whether the field may be left empty."""
    fill: str | None = None
    """With what unused cells may be struck out: `x` or `-`."""


@dataclass(frozen=True)
class Corner:
    """A printed mark that pages are laid straight by: its middle and its side."""

    x: float
    y: float
    side: float


@dataclass(frozen=True)
class Register:
    by: RegisterBy
    reference: Path | None = None
    """The picture of a blank page, for `reference`."""
    corners: tuple[Corner, ...] = ()
    code: str | None = None
    """What the code on the page says, for `qr`."""
    code_box: Box | None = None


@dataclass(frozen=True)
class Template:
    name: str
    width: float
    height: float
    register: Register
    fields: tuple[Field, ...]
    rules: tuple[str, ...] = ()
    """Such as `total == a + b` or `date(day, month, year)`."""
    page: int = 1
    """Which page of a form of `pages` this is."""
    pages: int = 1
    form: str | None = None
    """What the pages of one form have in common; by default the template's own name."""
    extra: dict[str, str] = field(default_factory=dict, compare=False)

    def field_named(self, name: str) -> Field:
        return next(one for one in self.fields if one.name == name)
