"""The model store: numbered versions of named models, aliases for them, and proof that no byte has changed.

A store is a folder, here or on any filesystem that pyarrow knows:

    NAME/N/manifest.json    what version N is, with the sha256 and size of every file
    NAME/N/...              the files themselves
    NAME/aliases/ALIAS      the number that ALIAS stands for

The manifest is written last and by rename, so it is the commit: a folder without a valid one does not exist.
No server and no database is needed, as one would be for MLflow's registry.
Numbers only grow; one is skipped where a publisher was killed, or where several met and all gave way. Files
whose names begin with a dot are the store's own.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from pyarrow import fs

from pipelines.errors import StoreError, UnknownName, UsageError
from pipelines.files import paths
from pipelines.models.cache import cached_copy, changed_files
from pipelines.models.location import StoreLocation, absolute_location, is_claim
from pipelines.models.version import (
    MANIFEST,
    NAME,
    NUMBER,
    NewerFormat,
    Version,
    check_manifest_fields,
    check_name,
    check_new_name,
    files_to_publish,
    first_manifest,
    parse_manifest,
    to_json,
)

LATEST = "latest"
Update = dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]
"""The top-level keys of a manifest to replace, or what makes them of the manifest that is there by then."""


def store_location(store: str | None) -> str:
    """The store that was named, or the default one, so that processes with another environment find it, too."""
    return absolute_location(store or os.environ.get("INKRAY_STORE") or paths.home() / "store")


class ModelStore:
    def __init__(self, where: str | Path, filesystem: fs.FileSystem | None = None) -> None:
        """`where` is a folder or a URI; with a ready pyarrow filesystem, a folder on that."""
        self._location = StoreLocation(where, filesystem)

    def __str__(self) -> str:
        return self._location.name

    def check_writable(self) -> None:
        self._location.check_writable()

    def publish(self, name: str, files: Path, manifest: dict[str, Any]) -> Version:
        """Make the files in the local folder `files` the next version of `name`.

        A publisher that fails or is killed leaves files but no version, and their number is not given again.
        """
        check_new_name(name)
        check_manifest_fields(manifest)
        sources = files_to_publish(files)
        with self._location.claimed(lambda: self._next_folder(name), lambda other: True) as folder:
            number = int(folder.rpartition("/")[2])
            entries = {file: self._location.bring(path, f"{folder}/{file}") for file, path in sources.items()}
            return self._commit(name, number, first_manifest(name, number, manifest, entries))

    def add_files(self, version: Version, files: Path, update: Update) -> Version:
        """Add the files in a folder to a version, and replace its manifest's top-level keys by the update's.

        Whoever read the old manifest needs the old files, so a name that a version has keeps its content forever.
        """
        sources = files_to_publish(files)
        self.resolve(version.reference)
        with self._location.claimed(lambda: version.folder, is_claim) as folder:
            current = self.resolve(version.reference)  # again: another may have added files meanwhile
            manifest_fields = update(current.manifest) if callable(update) else update
            check_manifest_fields(manifest_fields)
            _refuse_other_content(current, sources)
            new = {
                file: self._location.bring(path, f"{folder}/{file}")
                for file, path in sources.items()
                if file not in current.files
            }
            manifest = {**current.manifest, **manifest_fields, "files": {**current.files, **new}}
            return self._commit(version.name, version.number, manifest)

    def resolve(self, reference: str) -> Version:
        """The version that NAME or NAME:latest (the highest), NAME:3 or NAME:ALIAS means."""
        name, colon, tag = reference.partition(":")
        check_name("model name", name)
        if not colon or tag == LATEST:
            version = next(filter(None, (self._load(name, number) for number in self._highest_first(name))), None)
        elif tag.isdigit():
            version = self._load(name, int(tag)) if NUMBER.fullmatch(tag) else None
        else:
            version = self._aliased(name, tag)
        return version or self._unknown(name, tag)

    def fetch(self, version: Version) -> Path:
        """A local folder with the version's files: its own where the store is local, else a verified copy."""
        return self._location.local(version.folder) or cached_copy(self._location, version)

    def verify(self, version: Version) -> list[str]:
        """The names of files that are changed, missing, or there without standing in the manifest."""
        there = {file for file in self._location.files(version.folder) if file != MANIFEST and not file.startswith(".")}
        return sorted({*changed_files(version.files, self._location, version.folder), *(there - version.files.keys())})

    def set_alias(self, name: str, alias: str, number: int) -> None:
        check_name("model name", name)
        check_name("alias", alias)
        if alias.isdigit() or alias == LATEST:
            raise UsageError(f"{alias!r} cannot be an alias: a number names a version, {LATEST!r} the highest one.")
        if self._load(name, number) is None:
            self._unknown(name, str(number))
        # Always as long: on an object store a reader may take the length of the old file and the bytes of the new.
        self._location.replace(f"{name}/aliases/{alias}", f"{number:08d}\n".encode())

    def names(self) -> list[str]:
        """The models that have a version."""
        names = filter(NAME.fullmatch, self._location.folders())
        return sorted(name for name in names if any(self._newest_first(name)))

    def versions(self, name: str) -> list[Version]:
        check_name("model name", name)
        return list(self._newest_first(name))[::-1] or self._unknown(name, "")

    def aliases(self, name: str) -> dict[str, int]:
        check_name("model name", name)
        names = filter(NAME.fullmatch, self._location.files(f"{name}/aliases"))
        return {alias: number for alias in sorted(names) if (number := self._alias(name, alias))}

    def _newest_first(self, name: str) -> Iterator[Version]:
        """The versions that this inkray can read."""
        for number in self._highest_first(name):
            with suppress(NewerFormat):
                if version := self._load(name, number):
                    yield version

    def _highest_first(self, name: str) -> list[int]:
        return sorted(map(int, filter(NUMBER.fullmatch, self._location.folders(name))), reverse=True)

    def _load(self, name: str, number: int) -> Version | None:
        """The version if it exists: its manifest is whole, and every file in it is there with the right size."""
        content = self._location.read(f"{name}/{number}/{MANIFEST}")
        manifest = parse_manifest(content, f"{name}:{number} in the store {self}") if content else None
        if manifest is None or (manifest["name"], manifest["version"]) != (name, number):
            return None
        version = Version(name, number, manifest)
        sizes = self._location.files(version.folder)  # after the manifest: files are only ever added
        return version if all(sizes.get(file) == entry["size"] for file, entry in version.files.items()) else None

    def _alias(self, name: str, alias: str) -> int | None:
        content = self._location.read(f"{name}/aliases/{alias}")
        if content is None:
            return None
        digits = content.decode(errors="replace").strip().lstrip("0")
        if not NUMBER.fullmatch(digits):
            raise StoreError(f"{self._location.shown(f'{name}/aliases/{alias}')} holds no number: set the alias again.")
        return int(digits)

    def _aliased(self, name: str, alias: str) -> Version | None:
        check_name("alias", alias)
        number = self._alias(name, alias)
        if number is None:
            return None
        version = self._load(name, number)
        if version is None:
            raise StoreError(
                f"{name}:{alias} stands for {name}:{number}, which is not in the store {self}: set it again."
            )
        return version

    def _unknown(self, name: str, tag: str) -> NoReturn:
        versions = [str(version.number) for version in self._newest_first(name)]
        broken = NUMBER.fullmatch(tag) and self._location.files(f"{name}/{tag}")
        if not versions and not broken:
            raise UnknownName(f"model in the store {self} called", name, self.names())
        kind = f"{'complete ' if broken else ''}version or alias of {name} in the store {self} called"
        raise UnknownName(kind, tag, [*versions, *self.aliases(name)])

    def _next_folder(self, name: str) -> str:
        return f"{name}/{1 + max(self._numbers_used(name), default=0)}"

    def _numbers_used(self, name: str) -> set[int]:
        # By files, not by folders: a claim that was given up leaves an empty folder, whose number is free.
        first = (file.partition("/")[0] for file in self._location.files(name))
        return {int(folder) for folder in first if NUMBER.fullmatch(folder)}

    def _commit(self, name: str, number: int, manifest: dict[str, Any]) -> Version:
        content = to_json(manifest)
        self._location.replace(f"{name}/{number}/{MANIFEST}", content)
        return Version(name, number, json.loads(content))


def _refuse_other_content(version: Version, sources: dict[str, Path]) -> None:
    for file in sources.keys() & version.files.keys():
        with sources[file].open("rb") as stream:
            same = hashlib.file_digest(stream, "sha256").hexdigest() == version.files[file]["sha256"]
        if not same:
            raise StoreError(
                f"{version.reference} already has another {file}: rename {sources[file]}, or publish a new version."
            )
