"""Where inkray keeps what it makes when nobody names another place."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """`INKRAY_HOME`, or `~/inkray`."""
    return Path(os.environ.get("INKRAY_HOME") or "~/inkray").expanduser().absolute()
