"""The folder of a training run: which run it belongs to, its lock, and how far it has come.

options.json    the run's options, its number of workers and its images: another run is refused
ray/            its checkpoints
tensorboard/    its curves
weights.pt      the best epoch's; beside it history.csv and the pictures
result.json     the mark of a finished run, written last
.lock           locked by the process that works on it
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import DataError, TrainingError, UsageError
from pipelines.files import paths
from pipelines.files.atomic import write_named
from pipelines.files.locks import HeldByAnother, locked
from pipelines.training.options import TrainingOptions

RECORD, RESULT, CHECKPOINTS, CURVES, LOCK = "options.json", "result.json", "ray", "tensorboard", ".lock"


@dataclass(frozen=True)
class TrainingRunFolder:
    path: Path
    identity: dict[str, Any]
    """All that the weights depend on: a run is resumed only with the same."""

    def __str__(self) -> str:
        return f"run {self.path.name!r}"

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS

    @property
    def curves(self) -> Path:
        return self.path / CURVES

    def begun(self) -> bool:
        return (self.path / RECORD).exists()

    def finished(self) -> bool:
        return (self.path / RESULT).exists()

    def record(self) -> dict[str, Any]:
        try:
            record = json.loads((self.path / RECORD).read_text())
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise DataError(
                f"{self.path / RECORD} is damaged, so it cannot be told how the {self} began; "
                "give another name to start anew.",
                option="name",
            )
        return record

    def begin(self) -> None:
        """Take the name; a run that is refused before this leaves it free."""
        self.note(**self.identity)

    def note(self, **entries: Any) -> None:
        before = self.record() if self.begun() else {}
        self._write(RECORD, before | entries)

    def finish(self, numbers: dict[str, Any]) -> None:
        self._write(RESULT, numbers)

    def _write(self, name: str, content: dict[str, Any]) -> None:
        write_named(self.path / name, json.dumps(content, indent=2).encode())


def runs_folder(named: Path | None) -> Path:
    return paths.folder(named or paths.home() / "runs", "runs")


def new_name(network: str, corpus: str) -> str:
    # The time for people, the rest for two runs that begin within one second.
    return f"{network}-{corpus.split(':')[0]}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


@contextmanager
def open_run(path: Path, identity: dict[str, Any], resume: bool) -> Iterator[TrainingRunFolder]:
    """Lock the run's folder, or say why not: a name stands for one run, which is never continued unasked."""
    run = TrainingRunFolder(path, identity)
    with ExitStack() as held:
        try:
            _open(run, resume, held)
        except OSError as error:
            raise UsageError(
                f"The run's folder {path} cannot be written: {error.strerror}; name another place for runs.",
                option="runs",
            ) from error
        yield run


def _open(run: TrainingRunFolder, resume: bool, held: ExitStack) -> None:
    if resume and not run.begun():
        raise UsageError(
            f"There is no {run} in {run.path.parent} to resume; check the name, or start it anew.", option="resume"
        )
    run.path.mkdir(parents=True, exist_ok=True)
    _hold(run, held)
    if resume:
        _check_resumable(run)
    elif run.begun():
        state = "is finished" if run.finished() else "was begun and can be resumed"
        raise UsageError(f"The {run} in {run.path.parent} {state}; give another name to start anew.", option="name")


def _hold(run: TrainingRunFolder, held: ExitStack) -> None:
    try:
        held.enter_context(locked(run.path / LOCK, wait=False))
    except HeldByAnother as other:
        raise TrainingError(
            f"Another process ({other}) is at work on the {run} in {run.path.parent}; "
            "wait for it, end it, or give another name.",
            option="name",
        ) from None


def _check_resumable(run: TrainingRunFolder) -> None:
    if run.finished():
        raise UsageError(f"The {run} in {run.path.parent} is finished: there is nothing to resume.")
    # A run that was begun before there was an option had what is its default now.
    before = run.identity | asdict(TrainingOptions()) | run.record()
    for name, value in run.identity.items():
        if value != before[name] and name != "images":
            raise UsageError(f"{name} is {value}, but the {run} began with {before[name]}; resume it so.", option=name)
    if before["images"] != run.identity["images"]:
        raise UsageError(
            f"The images of the corpus {run.identity['corpus']} are no longer those that the {run} began with; "
            "bring those back, or give another name to start anew.",
            option="name",
        )
