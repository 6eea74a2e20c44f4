"""How strongly constraints may overrule what was read; shared by the constraints of fields and the rules of forms."""

from __future__ import annotations

WRONGLY_FILLED = 0.01
"""Prior probability of a value that breaks the form's rules, relative to one that keeps them."""
SURE = 9.0
"""A reading this many times likelier than any admitted value was not doubtful (0.9 against 0.1)."""
KEPT = 16
"""Number of values per field that are weighed against those of other fields."""


def surely_contradicted(raw: float, admitted: float) -> bool:
    """Return whether the reading was so certain that a person must see why it is not admitted."""
    return raw >= SURE * admitted
