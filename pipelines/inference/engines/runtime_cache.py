"""What TensorRT for RTX compiled for the GPU at hand, kept for the next process: compiling takes longer than reading.

TensorRT itself looks whether what was kept is of this card, driver and version, and begins anew if it is not.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from pipelines.errors import EngineError
from pipelines.files.atomic import write_atomic


class RuntimeCache:
    def __init__(self, config: Any, path: Path) -> None:
        """`config` is that of the execution contexts, which compile as they meet new sizes of batches."""
        self._path, self._calls, self._kept = path, 0, b""
        self._cache = config.create_runtime_cache()
        with suppress(OSError):
            self._kept = path.read_bytes()
            self._cache.deserialize(self._kept)
        if not config.set_runtime_cache(self._cache):
            raise EngineError("TensorRT for RTX takes no runtime cache; install another version of it.")

    def called(self) -> None:
        """Keep what there is after 1, 2, 4, 8, ... calls, since a process may be ended without being asked."""
        self._calls += 1
        if self._calls & (self._calls - 1) == 0:
            self.keep()

    def keep(self) -> None:
        compiled = self._cache.serialize()
        content = self._kept if compiled is None else bytes(compiled)
        # Without room for it, it is compiled again.
        with suppress(OSError):
            if content != self._kept:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(self._path, content)
                self._kept = content
