"""How much a constraint may overrule what was read; the same for the constraints of a field and the rules of a form."""

from __future__ import annotations

WRONGLY_FILLED = 0.01
"""How likely, beforehand, a form is filled in against its own rules, compared with by them."""
SURE = 9.0
"""A reading that is so many times likelier than what the constraints admit was not doubtful (0.9 against 0.1)."""
KEPT = 16
"""How many values of a field are weighed against those of other fields."""


def surely_contradicted(raw: float, admitted: float) -> bool:
    """Whether the reading was sure, so that a person must see why it is not admitted."""
    return raw >= SURE * admitted
