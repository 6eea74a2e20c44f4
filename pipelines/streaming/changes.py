"""The paths in a folder that something happened to, told by the system where it does, else by looking now and then."""

from __future__ import annotations

import threading
from pathlib import Path

from watchfiles import Change, watch

STEP_MS, DEBOUNCE_MS = 20, 60


class Changes:
    """Watches from a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: set[str] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.some = threading.Event()
        """Set when there are paths to take."""
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def take(self) -> set[str]:
        self.some.clear()
        with self._lock:
            taken, self._paths = self._paths, set()
        return taken

    def close(self) -> None:
        self._over.set()
        self._thread.join(timeout=2)

    def _watch(self) -> None:
        try:
            for found in watch(
                self._folder,
                watch_filter=None,
                step=STEP_MS,
                debounce=DEBOUNCE_MS,
                stop_event=self._over,
                raise_interrupt=False,
                rust_timeout=500,
            ):
                with self._lock:
                    self._paths.update(path for change, path in found if change != Change.deleted)
                self.some.set()
        except Exception as error:  # noqa: BLE001
            # Too many watches, say; the folder is looked through more often then.
            self.error = error
