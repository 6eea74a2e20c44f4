"""Where inkray keeps what it makes when nobody names another place."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipelines.errors import UsageError

# Path writes one slash where a URI has two; a single letter would be a drive.
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
TRAVELLED = re.compile(r"/working_dir_files/_ray_pkg_\w+(/|$)")
"""Where Ray copies the folder that a job was submitted with; it removes the copy when it needs the space."""


def folder(path: Path, what: str) -> Path:
    """The folder as an absolute path, for processes with another working folder; one that does not last is refused."""
    if URI.match(str(path)):
        raise UsageError(f"The {what} cannot lie at a URI, as {path} seems to be; name a folder that every node sees.")
    whole = expanded(path)
    if TRAVELLED.search(str(whole)):
        raise UsageError(
            f"The {what} would lie in {path} below Ray's copy of the folder that the job was submitted with, and "
            "vanish with it; name a whole path, which every node sees."
        )
    return whole


def expanded(path: Path | str) -> Path:
    """The absolute path, for processes with another working folder, with ~ expanded."""
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(f"There is no place {path}: its user has no home here; write the whole path.") from error


def printable(name: str) -> str:
    """A name that can be written as UTF-8: other bytes, which Python has as surrogates, become `\\xfc` and the like."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def home() -> Path:
    """`INKRAY_HOME`, or `~/inkray`."""
    return expanded(os.environ.get("INKRAY_HOME") or "~/inkray")


def data() -> Path:
    """`INKRAY_DATA`, or `data` in the home: where the named corpora lie."""
    return expanded(os.environ.get("INKRAY_DATA") or home() / "data")


def cache() -> Path:
    """`INKRAY_CACHE`, or `~/.cache/inkray`: what can be made or fetched again."""
    return expanded(os.environ.get("INKRAY_CACHE") or "~/.cache/inkray")
