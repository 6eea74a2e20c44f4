"""Verified local copies of model versions that lie in a store elsewhere."""

from __future__ import annotations

import hashlib
import posixpath
import tempfile
from pathlib import Path
from typing import Any

from pipelines import places
from pipelines.errors import StoreError
from pipelines.model_version import MANIFEST, Version, to_json
from pipelines.store_place import Place


def cached_copy(place: Place, version: Version) -> Path:
    """The copy is named by its manifest: a version that got more files, or another store's, has another copy."""
    digest = hashlib.sha256(to_json(version.manifest)).hexdigest()[:16]
    copy = places.cache() / "models" / version.name / f"{version.number}-{digest}"
    if not copy.is_dir():
        _download(place, version, copy)
    elif changed := changed_files(version.files, Place(copy), ""):
        raise StoreError(f"The copy of {version.reference} in {copy} is damaged ({changed[0]}): delete that folder.")
    return copy


def changed_files(files: dict[str, dict[str, Any]], place: Place, folder: str) -> list[str]:
    """Those of a manifest that lie in `folder` with other bytes, or not at all."""
    sizes = place.files(folder)
    return [
        file
        for file, entry in files.items()
        if sizes.get(file) != entry["size"] or place.sha256(posixpath.join(folder, file)) != entry["sha256"]
    ]


def _download(place: Place, version: Version, copy: Path) -> None:
    """By a temporary folder and a rename, so that `copy` is whole or not there."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=copy.parent) as scratch:
            fresh = Path(scratch) / "version"
            _fill(fresh, place, version)
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


def _fill(folder: Path, place: Place, version: Version) -> None:
    for file in version.files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as sink:
            sink.writelines(place.chunks(f"{version.folder}/{file}"))
    (folder / MANIFEST).write_bytes(to_json(version.manifest))
    if changed := changed_files(version.files, Place(folder), ""):
        raise StoreError(
            f"{version.reference} in the store {place.name} is not what its manifest says: "
            f"{', '.join(changed)} changed. Restore those bytes, or publish the model again."
        )
