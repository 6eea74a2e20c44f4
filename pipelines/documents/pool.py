"""A pool of worker processes that open documents within limits on time and memory; dead ones are replaced.

Pools of libraries run one call after another; here a document stays open in its process from page to page.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np

from pipelines.documents.document import Document, DocumentCrash, DocumentTimeout, Pixels
from pipelines.documents.limits import DEFAULT_LIMITS, Limits
from pipelines.documents.worker_handle import Slot, WorkerDied, WorkerTimedOut

MAX_DEATHS = 2
"""After this many workers have died of a document, its remaining pages are given up."""


@cache
def shared_pool(limits: Limits) -> DocumentPool:
    """The pool of this process, for one document at a time; Ray runs many tasks one after the other in a process."""
    return DocumentPool(1, limits)


class DocumentPool:
    """Opens untrusted documents, `size` at a time; further callers wait."""

    def __init__(self, size: int = 1, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._slots = [Slot(limits) for _ in range(size)]
        self._idle: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        for slot in self._slots:
            self._idle.put(slot)

    @contextmanager
    def open(self, content: bytes, name: str) -> Iterator[Document]:
        """Open a document; raises a DataError if it has no page or exceeds a limit."""
        slot = self._idle.get()
        try:
            yield IsolatedDocument(slot, content, name)
        finally:
            slot.release()
            self._idle.put(slot)

    def start(self) -> None:
        """Start the workers now rather than with the first documents."""
        for slot in self._slots:
            slot.start()

    def close(self) -> None:
        """Kill the workers, whatever they are working on."""
        for slot in self._slots:
            slot.close()

    def __enter__(self) -> DocumentPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class IsolatedDocument:
    """A document held open by a worker; if that dies, a new one opens it again for the next page."""

    def __init__(self, slot: Slot, content: bytes, name: str) -> None:
        self._slot, self._content, self._name = slot, content, name
        self._deaths = 0
        self._is_open = False
        self._count = self._open()

    def __len__(self) -> int:
        return self._count

    def page(self, number: int) -> Pixels:
        where = f"{self._name}, page {number + 1}"
        if not self._is_open:
            self._open()
        with self._counting_deaths(where):
            pixels = np.empty(self._slot.ask({"page": number})["shape"], np.uint8)
            self._slot.receive_into(pixels)
            return pixels

    def _open(self) -> int:
        if self._deaths >= MAX_DEATHS:
            raise DocumentCrash(
                f"{self._name}: the document is given up, since {self._deaths} of its pages broke a limit."
            )
        with self._counting_deaths(self._name):
            count: int = self._slot.ask({"open": self._name}, self._content)["pages"]
        self._is_open = True
        return count

    @contextmanager
    def _counting_deaths(self, where: str) -> Iterator[None]:
        try:
            yield
        except WorkerDied as died:
            self._deaths += 1
            self._is_open = False
            kind = DocumentTimeout if isinstance(died, WorkerTimedOut) else DocumentCrash
            raise kind(f"{where}: {died}.") from died
