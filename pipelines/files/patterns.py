"""Matches paths against a pattern one name at a time, so that a walk can skip folders in which nothing can match.

The standard library's globs match whole paths, or walk by themselves, and only local folders.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

States = frozenset[int]
"""The indices of the pattern's parts that may match next."""


@dataclass(frozen=True)
class Pattern:
    """A glob as in a shell: `**` matches any number of folders, even none; other wildcards match within one name."""

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
    """Add the states after each `**`, since it may match no folder at all."""
    return states | {after for at in states for after in _beyond_any(parts, at)}


def _beyond_any(parts: tuple[str, ...], at: int) -> range:
    end = at
    while end < len(parts) and parts[end] == "**":
        end += 1
    return range(at, end + 1)


ALL = Pattern(("**",))
