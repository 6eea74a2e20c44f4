"""Where inkray keeps what it makes when nobody names another place."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pipelines.errors import UsageError

# Path writes one slash where an URI has two; a single letter would be a drive.
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def folder(path: Path, what: str) -> Path:
    """The same folder for whoever has another working folder; refused where it can be none."""
    if URI.match(str(path)):
        raise UsageError(f"The {what} cannot lie at an URI, as {path} seems to be; name a folder that every node sees.")
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(f"The {what} cannot lie at {path}: there is no such user.") from error


def home() -> Path:
    """`INKRAY_HOME`, or `~/inkray`."""
    return Path(os.environ.get("INKRAY_HOME") or "~/inkray").expanduser().absolute()
