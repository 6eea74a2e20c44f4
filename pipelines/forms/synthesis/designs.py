"""Invented forms: what is printed on them, and the template by which they are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.synthesis.sheet import Sheet, draw_shapes
from pipelines.forms.template import Box, Register, Template

A4 = (210.0, 297.0)
LETTER = (215.9, 279.4)
SHORT_DATE = "[0-3][0-9][01][0-9][0-9]{2}"
LONG_DATE = "[0-3][0-9][01][0-9]20[0-9]{2}"


@dataclass(frozen=True)
class Design:
    sheet: Sheet
    template: Template
    """Its reference, if it has one, is only the file name of the blank page."""

    def blank_page(self, dpi: float) -> NDArray[np.uint8]:
        return draw_shapes(self.sheet.shapes, self.sheet.width, self.sheet.height, dpi)


def all_designs() -> tuple[Design, ...]:
    return survey(), invoice(), credit_note(), meter(), laboratory()


def survey() -> Design:
    """An A4 form with corner marks, one of them smaller, joined combs and many marks."""
    sheet = Sheet(*A4)
    for x, y, side in ((12, 12, 6), (198, 12, 6), (12, 285, 6), (198, 285, 4)):
        sheet.corner(x, y, side)
    sheet.text(30, 22, "HOUSEHOLD SURVEY", 5)
    sheet.text(30, 30, "Please write one figure in each box, with a dark pen.")
    _label(sheet, 45, "Number of the household")
    sheet.comb("household", 90, 40, 8, checksum="luhn", blank=False)
    _label(sheet, 60, "Date of the visit (day, month, year)")
    sheet.comb("day", 110, 55, 2, min=1, max=31)
    sheet.comb("month", 128, 55, 2, min=1, max=12)
    sheet.comb("year", 146, 55, 4, min=1990, max=2035)
    for row, who in enumerate(("Adults", "Children", "Rooms")):
        top = 72 + row * 14
        _label(sheet, top + 5, f"{who} in the household")
        sheet.comb(who.lower(), 90, top, 2)
    sheet.rule(20, 120, 170, 0.5)
    sheet.text(30, 128, "Which of these does the household own?", 3)
    for at, thing in enumerate(("car", "bicycle", "telephone", "garden", "computer", "piano", "boat", "horse")):
        sheet.mark(thing, 35 + 80 * (at % 2), 136 + 11 * (at // 2), f"a {thing}")
    _paragraph(sheet, 30, 190, SMALL_PRINT)
    _label(sheet, 234, "Monthly costs, in whole units")
    sheet.number("costs", 100, 227, 45, length=(1, 5), max=99_999)
    sheet.remarks("remarks", 30, 245, 150, 25)
    return _design("survey", sheet, ("date(day, month, year)",), by_corners=True)


def invoice() -> Design:
    return _money("invoice", "INVOICE FOR DELIVERED GOODS", 92)


def credit_note() -> Design:
    """The near twin of the invoice: the same head and fields, but another title and a larger gap before the amounts."""
    return _money("credit-note", "CREDIT NOTE FOR RETURNED GOODS", 110)


def _money(name: str, title: str, top: float) -> Design:
    sheet = Sheet(*LETTER)
    sheet.text(20, 22, "NORTH HARBOUR TRADING COMPANY", 4)
    sheet.text(20, 29, "14 Quay Street, Port of Ellery - open on weekdays from 8 to 5")
    sheet.rule(20, 33, 176, 0.6)
    sheet.text(20, 43, title, 4.5)
    _label(sheet, 59, "Customer's account", 20)
    sheet.boxes("account", 75, 53, 10, checksum="luhn", blank=False)
    _label(sheet, 77, "Date", 20)
    sheet.boxes("date", 75, 71, 6, pattern=SHORT_DATE)
    sheet.rule(20, top, 176)
    sheet.text(25, top + 7, "Item")
    sheet.text(120, top + 7, "Amount in whole dollars")
    items = ("goods", "freight", "insurance")
    for row, item in enumerate(items):
        _label(sheet, top + 20 + 15 * row, item.capitalize(), 25)
        sheet.comb(item, 135, top + 13 + 15 * row, 5, cell=6.5, fill="-")
    sheet.rule(20, top + 60, 176, 0.6)
    _label(sheet, top + 72, "TOTAL", 25)
    sheet.comb("total", 128.5, top + 65, 6, cell=6.5, blank=False)
    sheet.mark("paid", 25, top + 84, "paid in cash")
    sheet.mark("cheque", 85, top + 84, "paid by cheque")
    _paragraph(sheet, 20, top + 102, SMALL_PRINT)
    sheet.remarks("signature", 120, 250, 76, 18)
    return _design(name, sheet, (f"total == {' + '.join(items)}",))


def meter() -> Design:
    """An A4 form registered by its print, with tick combs and boxes for free numbers."""
    sheet = Sheet(*A4)
    sheet.text(75, 20, "METER READING CARD", 4.5)
    sheet.rule(15, 25, 180, 0.8)
    _paragraph(sheet, 15, 34, METER_PRINT)
    _label(sheet, 66, "Contract", 15)
    sheet.ticks("contract", 60, 58, 12, cell=7, checksum="mod97", blank=False)
    for row, what in enumerate(("Electricity by day", "Electricity by night", "Water", "Gas")):
        top = 84 + 20 * row
        sheet.text(15, top + 6, f"{row + 1}.  {what}", 3)
        sheet.ticks(f"meter{row + 1}", 85, top, 6, cell=7)
        sheet.text(132, top + 7, ("kWh", "kWh", "m3", "m3")[row])
        sheet.rule(15, top + 14, 180)
    _label(sheet, 176, "Persons in the flat", 15)
    sheet.number("persons", 85, 169, 20, length=(1, 2))
    _label(sheet, 192, "Square metres", 15)
    sheet.number("area", 85, 185, 30, length=(1, 4))
    sheet.text(15, 210, "Date of the reading")
    sheet.ticks("read_on", 85, 203, 8, cell=7, pattern=LONG_DATE)
    for at, words in enumerate(("read by the tenant", "read by the owner", "estimated")):
        sheet.mark(words.split()[-1], 15 + 62 * at, 226, words)
    _paragraph(sheet, 15, 250, SMALL_PRINT)
    return _design("meter", sheet)


def laboratory() -> Design:
    """A landscape A4 form with three corner marks and all kinds of cells."""
    sheet = Sheet(A4[1], A4[0])
    for x, y in ((10, 10), (287, 10), (10, 200)):
        sheet.corner(x, y, 5)
    sheet.text(30, 18, "LABORATORY REQUEST", 4.5)
    sheet.text(180, 18, "to be filled in by the ward")
    sheet.frame(Box(20, 26, 257, 40), 0.5)
    _label(sheet, 40, "Patient's number", 25)
    sheet.boxes("patient", 70, 33, 9, blank=False)
    _label(sheet, 57, "Ward", 25)
    sheet.comb("ward", 70, 50, 3)
    _label(sheet, 57, "Sample", 110)
    sheet.comb("sample", 135, 50, 9, cell=7, checksum="luhn", blank=False)
    tests = ("blood count", "glucose", "sodium", "potassium", "creatinine", "iron", "thyroid", "lipids", "liver")
    for at, test in enumerate(tests):
        sheet.mark(test.replace(" ", "_"), 25 + 55 * (at % 3), 76 + 12 * (at // 3), test)
    for row, what in enumerate(("Pulse", "Temperature x 10", "Weight in kg")):
        _label(sheet, 83 + 14 * row, what, 195)
        sheet.comb(("pulse", "temperature", "weight")[row], 245, 76 + 14 * row, 3)
    sheet.rule(20, 122, 257, 0.5)
    _paragraph(sheet, 25, 131, METER_PRINT)
    sheet.remarks("diagnosis", 25, 152, 150, 35)
    _label(sheet, 165, "Volume in ml", 190)
    sheet.number("volume", 235, 158, 30, length=(1, 4))
    sheet.text(190, 195, "Thank you. Return the sheet with the sample.")
    return _design("laboratory", sheet, by_corners=True)


SMALL_PRINT = (
    "What is written here is read by a machine. Keep to the boxes, do not fold the page, and strike out",
    "nothing but what you mean to be void. A figure that cannot be read is looked at by a person, who may",
    "call you. The figures are kept for two years in a dry cellar, and then made into egg boxes.",
)
METER_PRINT = (
    "Read each dial from left to right and write the figures before the comma only. If a dial stands",
    "between two figures, write the smaller one. Hand the card in by the last day of the month.",
)


def _label(sheet: Sheet, base: float, words: str, left: float = 30) -> None:
    sheet.text(left, base, words)


def _paragraph(sheet: Sheet, left: float, base: float, lines: tuple[str, ...]) -> None:
    for row, words in enumerate(lines):
        sheet.text(left, base + 5.5 * row, words, 2.1)


def _design(name: str, sheet: Sheet, rules: tuple[str, ...] = (), by_corners: bool = False) -> Design:
    register = Register(
        "corners" if by_corners else "reference", reference=Path(f"{name}.png"), corners=tuple(sheet.corners)
    )
    return Design(sheet, Template(name, sheet.width, sheet.height, register, tuple(sheet.fields), rules))
