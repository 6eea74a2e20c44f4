"""Which paths a pattern means, taken in one name after the other, so that a walk knows where nothing can fit."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

States = frozenset[int]
"""Which parts of a pattern may come next."""


@dataclass(frozen=True)
class Pattern:
    """A glob as a shell has it: `**` matches any folders, even none; other signs match within one name."""

    parts: tuple[str, ...]

    @property
    def start(self) -> States:
        return _with_none_for_any(self.parts, frozenset({0}))

    def after(self, states: States, name: str) -> States:
        """The states after this name; none if it does not match."""
        fitting = (at + (self.parts[at] != "**") for at in states if self._takes(at, name))
        return _with_none_for_any(self.parts, frozenset(fitting))

    def fits(self, states: States) -> bool:
        """Whether a path may end here."""
        return len(self.parts) in states

    def goes_on(self, states: States) -> bool:
        """Whether something below may match."""
        return any(at < len(self.parts) for at in states)

    def means(self, names: tuple[str, ...]) -> bool:
        states = self.start
        for name in names:
            states = self.after(states, name)
        return self.fits(states)

    def _takes(self, at: int, name: str) -> bool:
        return at < len(self.parts) and (self.parts[at] == "**" or fnmatchcase(name, self.parts[at]))


@cache
def _with_none_for_any(parts: tuple[str, ...], states: States) -> States:
    """A `**` may stand for no folder at all."""
    return states | {after for at in states for after in _beyond_any(parts, at)}


def _beyond_any(parts: tuple[str, ...], at: int) -> range:
    end = at
    while end < len(parts) and parts[end] == "**":
        end += 1
    return range(at, end + 1)


ALL = Pattern(("**",))
