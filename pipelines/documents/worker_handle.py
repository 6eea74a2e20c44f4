"""The parent's side of a worker process: starting it, sending requests, replacing it when it has died."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipelines.documents.document import Pixels
from pipelines.documents.limits import Limits
from pipelines.errors import DataError, InkrayError

WORKER = f"{__package__}.worker"
"""The module that a worker process runs."""
START_S = 120.0
"""How long a worker may take to start: a second, and more on a machine under load."""
GRACE_S = 5.0
"""A worker ends itself when time is up; after this it is killed."""


class WorkerDied(Exception):
    """Why a worker died, as the end of a sentence."""


class WorkerTimedOut(WorkerDied):
    """How long the worker was given, as the end of a sentence."""


class Slot:
    """Holds one worker, which is started when it is first needed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._worker: Worker | None = None
        self._closed = False

    def start(self) -> Worker:
        if self._closed:
            raise InkrayError("The document pool is closed.")
        if self._worker is None:
            self._worker = Worker(self._limits)
            if self._closed:
                self._worker.kill()
        return self._worker

    def ask(self, request: dict[str, Any], content: bytes | None = None) -> dict[str, Any]:
        with self._dropping_dead_worker() as worker:
            answer = worker.ask(request, content)
        if "error" in answer:
            raise DataError(answer["error"])
        return answer

    def receive_into(self, pixels: Pixels) -> None:
        with self._dropping_dead_worker() as worker:
            worker.receive_into(pixels)

    @contextmanager
    def _dropping_dead_worker(self) -> Iterator[Worker]:
        try:
            yield self.start()
        except WorkerDied:
            self._worker = None
            raise

    def release(self) -> None:
        """Close the document; a worker that has grown large ends with it."""
        if self._worker is None or self._closed:
            return
        try:
            if self.ask({"close": True})["retiring"]:
                self._drop()
        except (WorkerDied, DataError):
            self._drop()

    def close(self) -> None:
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()


class Worker:
    """One process and the socket to it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", WORKER, str(theirs.fileno()), _as_json(limits)],
                pass_fds=[theirs.fileno()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._connection = Connection(ours.detach())
        try:
            self._wait(START_S)
        except WorkerDied as died:
            raise InkrayError(
                f"The process that opens documents does not start; `{sys.executable} -m {WORKER}` may say why."
            ) from died

    def ask(self, request: dict[str, Any], content: bytes | None) -> dict[str, Any]:
        try:
            self._connection.send_bytes(json.dumps(request).encode())
            if content is not None:
                self._connection.send_bytes(content)
        except OSError as error:
            raise self._died() from error
        return self._wait(self._limits.seconds + GRACE_S)

    def receive_into(self, pixels: Pixels) -> None:
        try:
            self._connection.recv_bytes_into(pixels.data.cast("B"))
        except (EOFError, OSError) as error:
            raise self._died() from error

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _wait(self, seconds: float) -> dict[str, Any]:
        try:
            if self._connection.poll(seconds):
                answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
                return answer
        except (EOFError, OSError) as error:
            raise self._died() from error
        self.kill()
        raise self._too_slow()

    def _died(self) -> WorkerDied:
        self._connection.close()
        try:
            code = self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code == -signal.SIGALRM:
            return self._too_slow()
        return WorkerDied(
            f"the process that opened it died (exit code {code}): it needs more than {self._limits.memory_mib:,} MiB "
            "of memory, or crashes the decoder"
        )

    def _too_slow(self) -> WorkerTimedOut:
        return WorkerTimedOut(f"it takes longer than {self._limits.seconds:g} s to open")


def _as_json(limits: Limits) -> str:
    return json.dumps(asdict(limits))


def _environment() -> dict[str, str]:
    """The parent's import path, since it may be one that only this process has, as in a Ray worker."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
