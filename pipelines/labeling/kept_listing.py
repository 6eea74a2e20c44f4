"""What a run keeps of its input in its output, for its tasks and for its next start."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.files.storage import Storage


@dataclass(frozen=True)
class KeptInFolder:
    place: Storage
    folder: str

    def put(self, name: str, content: bytes) -> None:
        self.place.put(f"{self.folder}/{name}", content)

    def get(self, name: str) -> bytes | None:
        return self.place.get(f"{self.folder}/{name}")
