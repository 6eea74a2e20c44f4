"""An update of a run: what is new or changed in its input since it was read, and how it is begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.errors import UsageError
from pipelines.labeling.inputs.base import KIND, ListedInput
from pipelines.labeling.inputs.by_file import ByFile, split_by_file
from pipelines.labeling.inputs.changes import compared, known_files, side_by_side
from pipelines.labeling.inputs.spool import kept_files
from pipelines.labeling.inputs.uris import NAMES
from pipelines.labeling.kept_listing import KeptInFolder
from pipelines.labeling.run_file import Part
from pipelines.labeling.run_folder import LISTING, LabelingRunFolder
from pipelines.labeling.sources import Sources, sources_of


@dataclass(frozen=True)
class Update:
    changes: Mapping[str, int]
    folder: LabelingRunFolder | None
    """The run, of which the update is begun; None if there is nothing to read."""

    def __str__(self) -> str:
        counts = ", ".join(f"{self.changes[name]:,} {name}" for name in ("new", "changed", "unchanged"))
        gone = f"; {self.changes['gone']:,} gone, whose rows are kept" if self.changes["gone"] else ""
        return f"files since the last time: {counts}{gone}"


def by_file(listed: ListedInput) -> ByFile:
    """An error where what is new cannot be read by itself."""
    found = split_by_file(listed)
    if found is None:
        kind = "files that a table names" if NAMES in listed.settings else f"{listed.settings[KIND]}"
        raise UsageError(
            f"Only a folder of files or parquet can be read again for what is new or changed, and the input is {kind}. "
            "Start afresh, or name another output.",
            option="fresh",
        )
    return found


def last_part(listed: ListedInput, folder: LabelingRunFolder) -> ListedInput:
    """What the run, or its last update, is to read of the input."""
    if folder.update == 0 and folder.part.input == listed.fingerprint:
        return listed
    return by_file(listed).only(kept_files(_kept(folder), folder.part.files))


def keep_list(listed: ListedInput, folder: LabelingRunFolder) -> None:
    """Keep the list of the files for the next update."""
    if split := split_by_file(listed):
        split.files.put_down(_kept(folder), folder.part.files)


def begin_update(listed: ListedInput, folder: LabelingRunFolder, items: int) -> Update:
    """Begin to read what is new or changed since the run, which has so many items, was finished."""
    kept, split = _kept(folder), by_file(listed)
    changes = compared(known_files(kept, _lists(folder.parts)), split.files)
    if not changes.files.count:
        return Update(changes.counts, None)
    # By its files alone, so that an update that is killed before it begins puts the same list down again.
    name = changes.files.fingerprint("update")
    changes.files.put_down(kept, name)
    first = max(folder.done(), default=-1) + 1
    part = Part(name, listed.fingerprint, first, items, changes.counts)
    return Update(changes.counts, folder.begin_update(part))


def changed_sources(listed: ListedInput, folder: LabelingRunFolder) -> Sources:
    """The sources that the last update reads, and of which there are rows of earlier parts."""
    if not folder.update:
        return sources_of([])
    kept, split = _kept(folder), by_file(listed)
    both = side_by_side(known_files(kept, _lists(folder.parts[:-1])), kept_files(kept, folder.part.files))
    return sources_of(split.name(now) for before, now in both if before and now)


def about_update(folder: LabelingRunFolder) -> dict[str, Any]:
    return {"update": folder.update, "files_of_the_update": folder.part.changes} if folder.update else {}


def _lists(parts: tuple[Part, ...]) -> list[str]:
    return [part.files for part in parts]


def _kept(folder: LabelingRunFolder) -> KeptInFolder:
    return KeptInFolder(folder.place, LISTING)
