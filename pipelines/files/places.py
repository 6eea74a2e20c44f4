"""The place that a user names for results: a folder of this machine, or a folder of an object store by its URI."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from pipelines.errors import UsageError
from pipelines.files import paths
from pipelines.files.remote import display_name
from pipelines.files.storage import LocalStorage, Storage

OF_FILES = "file://"


def open_storage(where: str | Path) -> Storage:
    """Nothing is asked of the place yet."""
    place = absolute_place(str(where))
    if "://" not in place:
        return LocalStorage(Path(place))
    # Imported only here, since most results lie in folders.
    from pipelines.files.object_storage import ObjectStorage

    return ObjectStorage(place)


def absolute_place(where: str) -> str:
    """The same place for a process with another working folder."""
    if where.startswith(OF_FILES):
        return unquote(where.removeprefix(OF_FILES))
    if "://" in where:
        return where
    if paths.URI.match(where):
        raise UsageError(f"{where} is neither a folder nor a URI, which has two slashes: s3://BUCKET/FOLDER.")
    return str(paths.folder(Path(where), "rows"))


def check_apart(output: str, source: str) -> None:
    """Refuse to write into an object store below the very folder that is read there."""
    shown, read = display_name(output), display_name(source).rstrip("/")
    if "://" in shown and f"{shown}/".startswith(f"{read}/"):
        raise UsageError(f"The results in {shown} would lie among what is read from {read}; name a place beside it.")
