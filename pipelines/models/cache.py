"""Verified local copies of model versions that lie in a store elsewhere."""

from __future__ import annotations

import hashlib
import posixpath
import tempfile
from pathlib import Path
from typing import Any

from pipelines.errors import StoreError
from pipelines.files import paths
from pipelines.models.location import StoreLocation
from pipelines.models.version import MANIFEST, Version, to_json


def cached_copy(location: StoreLocation, version: Version) -> Path:
    """The copy is named by its manifest: a version that got more files, or another store's, has another copy."""
    digest = hashlib.sha256(to_json(version.manifest)).hexdigest()[:16]
    copy = paths.cache() / "models" / version.name / f"{version.number}-{digest}"
    if not copy.is_dir():
        _download(location, version, copy)
    elif changed := changed_files(version.files, StoreLocation(copy), ""):
        raise StoreError(f"The copy of {version.reference} in {copy} is damaged ({changed[0]}): delete that folder.")
    return copy


def changed_files(files: dict[str, dict[str, Any]], location: StoreLocation, folder: str) -> list[str]:
    """The files of a manifest that are missing in `folder`, or have other bytes there."""
    sizes = location.files(folder)
    return [
        file
        for file, entry in files.items()
        if sizes.get(file) != entry["size"] or location.sha256(posixpath.join(folder, file)) != entry["sha256"]
    ]


def _download(location: StoreLocation, version: Version, copy: Path) -> None:
    """Copy through a temporary folder and a rename, so that `copy` is whole or not there."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=copy.parent) as scratch:
            fresh = Path(scratch) / "version"
            _fill(fresh, location, version)
            try:
                fresh.rename(copy)
            except OSError:
                if not copy.is_dir():  # it is there when another process was first, with the same bytes
                    raise
    except OSError as error:
        raise StoreError(
            f"The model cache {copy.parent} cannot be written: {error.strerror or error}. "
            "Name another with INKRAY_CACHE."
        ) from error


def _fill(folder: Path, location: StoreLocation, version: Version) -> None:
    for file in version.files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as sink:
            sink.writelines(location.chunks(f"{version.folder}/{file}"))
    (folder / MANIFEST).write_bytes(to_json(version.manifest))
    if changed := changed_files(version.files, StoreLocation(folder), ""):
        raise StoreError(
            f"{version.reference} in the store {location.name} is not what its manifest says: "
            f"{', '.join(changed)} changed. Restore those bytes, or publish the model again."
        )
