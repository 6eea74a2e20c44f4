"""Says what a stream lost, doubled, mistook or reordered; it knows only what was delivered and what is in the sink."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Delivered(NamedTuple):
    """A version of a key, as it was delivered, with the right answer."""

    key: str
    item: str
    """What no other version of the key has: a digest of its content, or its place."""
    value: str | None
    status: str


class Landed(NamedTuple):
    """A row in the sink, with its answer."""

    key: str
    item: str | None
    value: str | None
    status: str


@dataclass(frozen=True)
class Verdict:
    lost: int = 0
    doubled: int = 0
    """Rows of what was delivered beyond the one that each shall have."""
    wrong: int = 0
    """Rows whose answer is another than that of an undisturbed reader."""
    reordered: int = 0
    """Keys whose versions are not in the order in which they were delivered."""
    foreign: int = 0
    """Rows of what was never delivered."""

    @property
    def clean(self) -> bool:
        return self == Verdict()


def judge(delivered: Sequence[Delivered], rows: Iterable[Landed]) -> Verdict:
    """`delivered` in the order of delivery, `rows` in the order in which they became visible."""
    landed = list(rows)
    expected = {(one.key, one.item): one for one in delivered}
    if len(expected) != len(delivered):
        raise ValueError("Two versions of a key have the same name, and could not be told apart in the sink.")
    found = Counter((row.key, row.item) for row in landed)
    known = [row for row in landed if (row.key, row.item) in expected]
    return Verdict(
        lost=sum(name not in found for name in expected),
        doubled=sum(found[name] - 1 for name in expected if name in found),
        wrong=sum((row.value, row.status) != expected[row.key, row.item or ""][2:] for row in known),
        reordered=_reordered(delivered, known),
        foreign=len(landed) - len(known),
    )


def _reordered(delivered: Sequence[Delivered], rows: Sequence[Landed]) -> int:
    """A doubled row is no disorder, so each version counts where it was first seen."""
    order = {(one.key, one.item): place for place, one in enumerate(delivered)}
    places: dict[str, list[int]] = defaultdict(list)
    for row in dict.fromkeys((row.key, row.item or "") for row in rows):
        places[row[0]].append(order[row])
    return sum(seen != sorted(seen) for seen in places.values())
