"""Check digits as state machines that read a number from the left, one digit per step.

`mod11` and ten-digit `isbn` numbers may end in X, which stands for 10. The reader only knows digits, so such a number
is never read as valid and always goes to a person. Libraries of check digits, such as python-stdnum, only take whole
numbers, so a search would have to try each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TURNED = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
"""The permutation that Verhoeff's scheme applies to the digits from one position to the next."""


@dataclass(frozen=True)
class Checksum:
    """A machine for numbers of one length: `step` takes the state, the position from the right, and the digit."""

    step: Callable[[int, int, int], int | None]
    """Returns the next state, or None if no number with this beginning is valid."""
    start: int = 0
    accepted: int = 0


def _luhn(length: int) -> Checksum | None:
    def step(state: int, place: int, digit: int) -> int:
        doubled = digit * (1 + place % 2)
        return (state + doubled // 10 + doubled) % 10

    return Checksum(step) if length >= 2 else None


def _mod97(length: int) -> Checksum | None:
    """Return ISO 7064 MOD 97-10, whose last two digits are the check digits."""
    return Checksum(lambda state, _, digit: (state * 10 + digit) % 97, accepted=1) if length >= 3 else None


def _mod11(length: int) -> Checksum | None:
    """Return the scheme with weights 1 to 10 from the right, as in a ten-digit ISBN, repeated in longer numbers."""
    if length < 2:
        return None
    return Checksum(lambda state, place, digit: (state + (place % 10 + 1) * digit) % 11)


def _product(left: int, right: int) -> int:
    """Multiply two symmetries of a pentagon: 0 to 4 are rotations, 5 to 9 are reflections."""
    turn = left + right if left < 5 else left - right
    return turn % 5 + (5 if (left < 5) != (right < 5) else 0)


def _exchanged(digit: int, times: int) -> int:
    for _ in range(times % 8):
        digit = TURNED[digit]
    return digit


def _verhoeff(length: int) -> Checksum | None:
    return Checksum(lambda state, place, digit: _product(_exchanged(digit, place), state)) if length >= 2 else None


def _isbn(length: int) -> Checksum | None:
    return _mod11(10) if length == 10 else Checksum(_isbn13) if length == 13 else None


def _isbn13(state: int, place: int, digit: int) -> int | None:
    if (place == 12 and digit != 9) or (place == 11 and digit != 7) or (place == 10 and digit not in (8, 9)):
        return None
    return (state + (1 + place % 2 * 2) * digit) % 10


CHECKSUMS: dict[str, Callable[[int], Checksum | None]] = {
    "isbn": _isbn,
    "luhn": _luhn,
    "mod11": _mod11,
    "mod97": _mod97,
    "verhoeff": _verhoeff,
}


def checksum(name: str, length: int) -> Checksum | None:
    """Return the machine for numbers with `length` digits, or None if no number of that length is valid."""
    return CHECKSUMS[name](length)


def holds(name: str, value: str) -> bool:
    """Return whether the check digit is correct; a final X stands for 10 where the scheme allows it."""
    digits = _digits(name, value)
    machine = checksum(name, len(value))
    if digits is None or machine is None:
        return False
    state: int | None = machine.start
    for place, digit in zip(reversed(range(len(digits))), digits, strict=True):
        state = machine.step(state, place, digit) if state is not None else None
    return state == machine.accepted


def _digits(name: str, value: str) -> list[int] | None:
    with_x = name == "mod11" or (name == "isbn" and len(value) == 10)
    body, last = (value[:-1], [10]) if with_x and value[-1:] in ("X", "x") else (value, [])
    return [int(digit) for digit in body] + last if body.isascii() and body.isdigit() else None
