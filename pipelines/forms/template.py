"""The description of a form: its page, how a scan of it is registered, its fields, and the rules among them.

All positions are in millimetres from the upper left corner of the page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

FieldKind = Literal["digits", "number", "mark", "text_image"]
RegisterBy = Literal["reference", "corners", "qr", "none"]
CHECKSUMS = ("luhn", "mod97", "mod11", "verhoeff", "isbn")
SIZES = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}
"""Width and height of common paper sizes in mm."""


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
        """Left, top, width and height, rounded to micrometres."""
        return [round(side, 3) for side in (self.left, self.top, self.width, self.height)]


@dataclass(frozen=True)
class Field:
    name: str
    kind: FieldKind
    box: Box
    cells: int | None = None
    """The number of comb cells in the box, of equal width unless `cell_boxes` is given; only for `digits`."""
    cell_boxes: tuple[Box, ...] = ()
    """The positions of the individual cells, if they are not equally wide or not adjacent."""
    length: tuple[int, int] | None = None
    """The minimum and maximum number of digits; by default, any number that fits."""
    pattern: str | None = None
    """A regular expression that the whole value must match."""
    min: int | None = None
    max: int | None = None
    checksum: str | None = None
    allowed: frozenset[str] | None = None
    """All possible values."""
    blank: bool = True
    """Whether the field may be left empty."""
    fill: str | None = None
    """The sign that may strike out unused cells: `x` or `-`."""


@dataclass(frozen=True)
class Corner:
    """A printed mark used to register pages: its centre and its side length."""

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
    """The text of the code on the page, for `qr`."""
    code_box: Box | None = None


@dataclass(frozen=True)
class Template:
    name: str
    width: float
    height: float
    register: Register
    fields: tuple[Field, ...]
    rules: tuple[str, ...] = ()
    """Rules such as `total == a + b` or `date(day, month, year)`."""
    page: int = 1
    """The number of this page among the `pages` of its form."""
    pages: int = 1
    form: str | None = None
    """The name shared by all pages of a form; by default, the name of the template."""
    extra: dict[str, str] = field(default_factory=dict, compare=False)

    def field_named(self, name: str) -> Field:
        return next(one for one in self.fields if one.name == name)
