"""What a run keeps of its input in its folder, for its tasks and for its next start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.files.atomic import write_atomic


@dataclass(frozen=True)
class KeptInFolder:
    path: Path

    def put(self, name: str, content: bytes) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)

    def get(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None
