"""Files that appear whole or not at all."""

from __future__ import annotations

import uuid
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    # Named for itself alone, since two tasks may write the same part: one that was given up, and its successor.
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        draft.write_bytes(content)
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
