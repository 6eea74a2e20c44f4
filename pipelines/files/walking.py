"""Walks the files below a local folder, following links without going in circles.

It is written in Python because a library that walks in one call blocks signals and loops through links.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import NamedTuple

from pipelines.files.patterns import Pattern, States


class Folder(NamedTuple):
    path: str
    real: str
    """The path with links resolved."""
    states: States
    """The pattern's states after the folder's name."""


class Entry(NamedTuple):
    path: str
    found: os.stat_result | None
    """The file's status; None for a dangling link."""


@dataclass
class Content:
    here: list[tuple[str, Entry | Folder]] = field(default_factory=list)
    """Files and folders, each with what its path is sorted by."""
    links: list[Folder] = field(default_factory=list)
    """Links to folders."""


def walk(top: str, pattern: Pattern, without: Path | None = None) -> Iterator[Entry]:
    """Every file below `top` that matches and is not hidden, except those below the folder `without`, linked or not.

    They come in the order of their paths, with only the folders from `top` to one of them held; what lies behind links
    to folders follows. Each folder is visited once: by its own path if that lies below `top`, else by the first link to
    it. It is visited again only if the pattern can match different files in it by another path.
    """
    left_out = os.path.realpath(without) if without else None
    seen: set[tuple[str, States]] = set()
    links = deque([Folder(top, os.path.realpath(top), pattern.start)])
    while links:
        below: list[Iterator[Entry | Folder]] = [iter([links.popleft()])]
        while below:
            found = next(below[-1], None)
            if found is None:
                below.pop()
            elif isinstance(found, Entry):
                yield found
            elif (found.real, found.states) not in seen:
                seen.add((found.real, found.states))
                content = _content(found, pattern, left_out)
                links += content.links
                below.append(one for _, one in sorted(content.here, key=itemgetter(0)))


def _content(folder: Folder, pattern: Pattern, left_out: str | None) -> Content:
    content = Content()
    with os.scandir(folder.path) as entries:
        for entry in sorted(entries, key=attrgetter("name")):
            states = pattern.after(folder.states, entry.name)
            if states and not entry.name.startswith("."):
                # The file may have been deleted since it was listed.
                with suppress(FileNotFoundError):
                    _sort_in(content, entry, folder, states, pattern)
    content.here = [(key, one) for key, one in content.here if isinstance(one, Entry) or one.real != left_out]
    content.links = [one for one in content.links if one.real != left_out]
    return content


def _sort_in(content: Content, entry: os.DirEntry[str], folder: Folder, states: States, pattern: Pattern) -> None:
    link = entry.is_symlink()
    found = _led_to(entry) if link else entry.stat()
    if found is None or not stat.S_ISDIR(found.st_mode):
        if pattern.fits(states):
            content.here.append((entry.name, Entry(entry.path, found)))
    elif pattern.goes_on(states):
        real = os.path.realpath(entry.path) if link else os.path.join(folder.real, entry.name)  # noqa: PTH118
        if link:
            content.links.append(Folder(entry.path, real, states))
        else:
            # As it stands in the paths of what lies in it.
            content.here.append((f"{entry.name}/", Folder(entry.path, real, states)))


def _led_to(link: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return link.stat()
    except OSError:
        return None
