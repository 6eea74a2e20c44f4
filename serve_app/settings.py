"""What an operator can set, each by an environment variable: INKRAY_SERVE_ and its name, as INKRAY_SERVE_MODELS."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.files import paths
from pipelines.models.version import BUILTIN_LINES

PREFIX = "INKRAY_SERVE_"
KEYS, KEYS_FILE = "INKRAY_API_KEYS", "INKRAY_API_KEYS_FILE"
FROM_ENVIRONMENT = ("key_digests",)
SHORTEST_KEY = 8
COUNTS = (
    *("replicas", "batch_rows", "queue_rows", "requests", "live", "body_bytes", "pixels", "digit_pixels", "rows"),
    *("pages", "document_mib"),
)


@dataclass(frozen=True)
class Settings:
    models: tuple[str, ...] = ("builtin",)
    """NAME or NAME:VERSION of each model served, by commas; the first is the one read with unless another is named."""
    lines: str = BUILTIN_LINES
    """The model that reads numbers without cells, on forms and in photos."""
    store: str | None = None
    """The model store; by default INKRAY_STORE, else ~/inkray/store."""
    engine: str = "auto"
    precision: str = "auto"
    threads: int = 0
    """Of each engine; 0 takes the CPUs of the replica."""
    replicas: int = 1
    cpus: float = 1.0
    """That each replica reserves in Ray."""
    batch_rows: int = 256
    """Digits that the engine reads at once, at most."""
    queue_rows: int = 4096
    """Digits that may wait for the engine; what comes above is answered with 503."""
    requests: int = 256
    """Requests that a replica has under way at once; what comes above is answered with 503."""
    live: int = 16
    """Live sessions of a replica at once."""
    body_bytes: int = 32 * 2**20
    pixels: int = 50_000_000
    """Of one photo or page."""
    digit_pixels: int = 8_000_000
    """Of a picture of one digit."""
    rows: int = 1024
    """Digits in one request."""
    pages: int = 50
    """Of one document."""
    document_seconds: float = 10.0
    """That opening a document may take, and each of its pages; the process that takes longer is replaced."""
    document_mib: int = 1024
    """Memory that opening a document may take."""
    seconds: float = 30.0
    """That a request may take."""
    live_seconds: float = 3600.0
    """That a live session may last."""
    key_digests: tuple[str, ...] = ()
    """SHA-256 of each API key, from INKRAY_API_KEYS by commas and the lines of INKRAY_API_KEYS_FILE; none: no key."""
    per_minute: float = 0.0
    """Requests that each key may send in a minute; 0 for any number."""
    cors: tuple[str, ...] = ()
    """Origins, by commas, whose pages may ask."""
    templates: str = ""
    """The folder of form templates; by default ~/inkray/templates."""
    access_log: int = 0
    """1 has Serve write a line for every request; what goes wrong is logged in any case."""
    watch_seconds: float = 5.0
    """Between two looks at whether an alias stands for another version now; 0 never looks."""

    def __post_init__(self) -> None:
        for name in COUNTS:
            if getattr(self, name) < 1:
                raise UsageError(f"{PREFIX}{name.upper()} is {getattr(self, name)}; it must be at least 1.")
        for name in ("cpus", "seconds", "live_seconds", "document_seconds"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{PREFIX}{name.upper()} is {getattr(self, name):g}; it must be above 0.")
        if not self.models:
            raise UsageError(f"{PREFIX}MODELS names no model.")
        self._check_queues()

    def _check_queues(self) -> None:
        """What can never be full, or never be taken, is a mistake of who set it."""
        if self.batch_rows > self.requests:
            raise UsageError(
                f"{PREFIX}BATCH_ROWS is {self.batch_rows}, but {PREFIX}REQUESTS lets in only {self.requests} requests "
                "at once, so that a batch of single digits would never fill; raise one or lower the other."
            )
        if self.queue_rows < max(self.rows, self.batch_rows):
            raise UsageError(
                f"{PREFIX}QUEUE_ROWS is {self.queue_rows}; it must hold a whole request ({PREFIX}ROWS is {self.rows}) "
                f"and a whole batch ({PREFIX}BATCH_ROWS is {self.batch_rows})."
            )

    @property
    def template_folder(self) -> Path:
        return paths.expanded(self.templates) if self.templates else paths.home() / "templates"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        own = {field.name: field for field in fields(cls) if field.name not in FROM_ENVIRONMENT}
        given: dict[str, Any] = {}
        for variable in (name for name in environment if name.startswith(PREFIX)):
            name = variable.removeprefix(PREFIX).lower()
            if name not in own:
                raise UsageError(f"There is no setting {variable}; known: {', '.join(_variables(own))}.")
            given[name] = _convert(variable, environment[variable], own[name].default)
        return cls(**given, key_digests=_key_digests(environment))


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _variables(names: Mapping[str, object]) -> list[str]:
    return [f"{PREFIX}{name.upper()}" for name in names]


def _convert(variable: str, text: str, default: object) -> object:
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if not isinstance(default, int | float):
        return text
    try:
        return type(default)(text)
    except ValueError as error:
        raise UsageError(f"{variable} is {text!r}; it must be a number.") from error


def _key_digests(environment: Mapping[str, str]) -> tuple[str, ...]:
    keys = environment.get(KEYS, "").split(",")
    if file := environment.get(KEYS_FILE):
        try:
            keys += paths.expanded(file).read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            # A server that was to be locked must not stand open because its keys are lost.
            raise UsageError(f"{KEYS_FILE}={file} cannot be read: {error}.") from error
    keys = [key.strip() for key in keys if key.strip() and not key.strip().startswith("#")]
    if (environment.get(KEYS) is not None or file) and not keys:
        raise UsageError(f"{KEYS} and {KEYS_FILE} hold no key; unset them to serve without keys.")
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise UsageError(f"A key in {KEYS} or {KEYS_FILE} has fewer than {SHORTEST_KEY} characters; take a longer one.")
    if any(not re.fullmatch(r"[!-~]+", key) for key in keys):
        raise UsageError(f"A key in {KEYS} or {KEYS_FILE} has signs that no header carries; take ASCII without spaces.")
    return tuple(sorted({digest(key) for key in keys}))
