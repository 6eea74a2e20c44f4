"""The files that lie at a place, one after the other: however many there are, only a folder of them is held."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow import fs

from pipelines.errors import DataError, UsageError, first_line
from pipelines.files.ahead import ahead
from pipelines.files.paths import printable
from pipelines.files.patterns import ALL, Pattern
from pipelines.files.remote import NOWHERE, File, Location, is_hidden
from pipelines.files.walking import Entry, walk

MAGIC = frozenset("*?[")
FOLDERS_AT_ONCE = 8
"""Folders of an object store that are listed at the same time; what they hold is held until it is taken."""


def list_files(where: Location, without: Path | None = None) -> Iterator[File]:
    """The file itself, or all below the folder, or that match the pattern, and are not hidden; in order of their paths.

    What lies behind links to folders on this machine follows the rest, in an order of its own. What lies below the
    folder `without` is left out, where that is on this machine; links that lead nowhere are not.
    """
    try:
        yield from _on_this_machine(where, without) if where.is_local else _elsewhere(where)
    except (OSError, pa.ArrowException) as error:
        place = (isinstance(error, OSError) and error.filename) or where.shown
        raise DataError(f"{printable(place)} cannot be listed: {first_line(error)}.") from error


def _on_this_machine(where: Location, without: Path | None) -> Iterator[File]:
    place = Path(where.path)
    try:
        found = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        top, pattern = _pattern_below(where)
        if not Path(top).is_dir():
            raise _no_folder(top, where) from None
    else:
        if not stat.S_ISDIR(found.st_mode):
            return iter([_to_file(Entry(where.path, found))])
        top, pattern = where.path, ALL
    # A run that is to write where its input lies is refused for that, and not for having no input.
    inside = without is not None and place.is_relative_to(without)
    return map(_to_file, walk(top, pattern, None if inside else without))


def _to_file(entry: Entry) -> File:
    if entry.found is None:
        return File(entry.path, NOWHERE, 0)
    regular = stat.S_ISREG(entry.found.st_mode)
    return File(entry.path, entry.found.st_size if regular else 0, entry.found.st_mtime_ns)


def _elsewhere(where: Location) -> Iterator[File]:
    [info] = where.filesystem.get_file_info([where.path])
    if info.type == fs.FileType.NotFound:
        top, pattern = _pattern_below(where)
        [info] = where.filesystem.get_file_info([top])
        if info.type != fs.FileType.Directory:
            raise _no_folder(top, where)
    elif info.type == fs.FileType.Directory:
        top, pattern = where.path, ALL
    else:
        return iter([_to_remote_file(info)])
    return _below(where.filesystem, top, pattern)


def _below(filesystem: fs.FileSystem, top: str, pattern: Pattern) -> Iterator[File]:
    """A folder after the other of those at the top, since the whole would be held in memory; some listed ahead."""
    here = sorted(filesystem.get_file_info(fs.FileSelector(top)), key=_sorted_by)
    taken = [info for info in here if not is_hidden(info.base_name) and pattern.after(pattern.start, info.base_name)]
    for infos in ahead(partial(_whole, filesystem), _folders_apart(taken), FOLDERS_AT_ONCE):
        for info in sorted(infos, key=lambda info: info.path):
            path = info.path[len(top) :].strip("/")
            if not is_hidden(path) and pattern.means(tuple(path.split("/"))):
                yield _to_remote_file(info)


def _folders_apart(infos: list[fs.FileInfo]) -> Iterator[list[fs.FileInfo]]:
    for is_folder, group in groupby(infos, lambda info: info.type == fs.FileType.Directory):
        some = list(group)
        yield from ([folder] for folder in some) if is_folder else [some]


def _whole(filesystem: fs.FileSystem, infos: list[fs.FileInfo]) -> list[fs.FileInfo]:
    """These files, or all that lie in this folder."""
    if infos[0].type != fs.FileType.Directory:
        return infos
    below = filesystem.get_file_info(fs.FileSelector(infos[0].path, recursive=True))
    return [one for one in below if one.type != fs.FileType.Directory]


def _sorted_by(info: fs.FileInfo) -> str:
    """A folder by its name as it stands in the paths of what lies in it."""
    return f"{info.path}/" if info.type == fs.FileType.Directory else info.path


def _to_remote_file(info: fs.FileInfo) -> File:
    return File(info.path, info.size or 0, info.mtime_ns or 0)


def _no_folder(top: str, where: Location) -> UsageError:
    return UsageError(f"There is no folder {printable(top)} for the pattern {where.shown}; check the path.")


def _pattern_below(where: Location) -> tuple[str, Pattern]:
    """The folder at which a pattern begins, and the rest; only of what is not there, since a name may look like one."""
    parts = PurePosixPath(where.path).parts
    signs = [at for at, part in enumerate(parts) if MAGIC & set(part)]
    if not signs:
        raise UsageError(f"There is no {where.shown}; check the path.")
    return str(PurePosixPath(*parts[: signs[0]])), Pattern(parts[signs[0] :])
