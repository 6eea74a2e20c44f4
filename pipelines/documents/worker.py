"""The worker process of a `DocumentPool`: if a document hangs or crashes it, or fills its memory, only it dies.

Messages are bytes over a socket. A request is JSON, followed by the document's bytes if it opens one; the answer is
JSON, followed by the pixels if it is a page.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any

import cv2

from pipelines.documents.document import Document, Pixels, open_document
from pipelines.documents.limits import Limits, limit_memory, resident_mib, time_limit
from pipelines.errors import DataError

LARGEST_IDLE_MIB = 512
"""A worker that has grown beyond this is replaced after its document."""


LOOK_S = 1.0
"""Seconds between two looks whether the parent lives."""


class Session:
    """The document that is open; there is one at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._opened = limits, ExitStack()
        self._document: Document | None = None

    def open(self, content: bytes, name: str) -> dict[str, Any]:
        self.close()
        self._document = self._opened.enter_context(open_document(content, name, self._limits))
        return {"pages": len(self._document)}

    def page(self, number: int) -> Pixels:
        assert self._document is not None
        return self._document.page(number)

    def close(self) -> None:
        self._document = None
        self._opened.close()


def serve(connection: Connection, limits: Limits) -> None:
    """Answer requests until the parent closes the socket or this process has grown too large."""
    session = Session(limits)
    connection.send_bytes(b"{}")
    while (request := _next(connection)) is not None:
        content = connection.recv_bytes() if "open" in request else b""
        pixels: Pixels | None = None
        with time_limit(limits.seconds):
            try:
                if "open" in request:
                    answer = session.open(content, request["open"])
                elif "page" in request:
                    pixels = session.page(request["page"])
                    answer = {"shape": pixels.shape}
                else:
                    session.close()
                    answer = {"retiring": resident_mib() > LARGEST_IDLE_MIB}
            except DataError as error:
                answer = {"error": str(error)}
        connection.send_bytes(json.dumps(answer).encode())
        if pixels is not None:
            connection.send_bytes(pixels.tobytes())
        if answer.get("retiring"):
            return


def _next(connection: Connection) -> dict[str, Any] | None:
    try:
        request: dict[str, Any] = json.loads(connection.recv_bytes())
    except EOFError:
        return None
    return request


def end_with(parent: int) -> None:
    """End this process soon after its parent, which may be killed while a library hangs in here."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)


def main() -> None:
    descriptor, limits = int(sys.argv[1]), Limits(**json.loads(sys.argv[2]))
    # Ctrl-C reaches every process of a terminal, but this one ends with its parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    cv2.setNumThreads(1)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    limit_memory(limits.memory_mib)
    serve(Connection(socket.socket(fileno=descriptor).detach()), limits)
    # No cleanup is needed: nothing that this process holds outlives it.
    os._exit(0)


if __name__ == "__main__":
    main()
