"""The server's settings. Each is an environment variable: INKRAY_SERVE_ and the name, as in INKRAY_SERVE_MODELS.

Read by hand, since pydantic-settings passes over a variable whose name is misspelt.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from pipelines.errors import UsageError
from pipelines.files import paths
from pipelines.inference.second_opinion import Asked
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
    """The models to serve, each NAME or NAME:VERSION, separated by commas; the first is the default."""
    lines: str = BUILTIN_LINES
    """The model that reads whole numbers, on forms without cells and in photos."""
    store: str | None = None
    """The model store; by default INKRAY_STORE, else ~/inkray/store."""
    engine: str = "auto"
    precision: str = "auto"
    second_opinion: str = "auto"
    """Whether the model of lines reads the digits that a model is unsure of: always, never, or auto: with builtin."""
    threads: int = 0
    """The number of threads of each engine; 0 means the CPUs of the replica."""
    replicas: int = 1
    cpus: float = 1.0
    """The number of CPUs that each replica reserves in Ray."""
    batch_rows: int = 256
    """The maximum number of digits that the engine reads in one batch."""
    queue_rows: int = 4096
    """The maximum number of digits that may wait for the engine; excess requests are answered with 503."""
    requests: int = 256
    """The maximum number of requests that a replica handles at once; excess requests are answered with 503."""
    live: int = 16
    """The maximum number of live sessions that a replica handles at once."""
    body_bytes: int = 32 * 2**20
    """The maximum size of a request's body and of a frame of a live session."""
    pixels: int = 50_000_000
    """The maximum number of pixels of a photo or page."""
    digit_pixels: int = 8_000_000
    """The maximum number of pixels of an image of one digit."""
    rows: int = 1024
    """The maximum number of digits in one request."""
    pages: int = 50
    """The maximum number of pages of a document and of photos in one request."""
    document_seconds: float = 10.0
    """Seconds that opening a document, or each of its pages, may take; a process that takes longer is replaced."""
    document_mib: int = 1024
    """The memory in MiB that opening a document may take."""
    seconds: float = 30.0
    """Seconds that a request may take."""
    live_seconds: float = 3600.0
    """Seconds that a live session may last."""
    key_digests: tuple[str, ...] = ()
    """The SHA-256 of each API key in INKRAY_API_KEYS (separated by commas) and INKRAY_API_KEYS_FILE (one per line).

    Without keys, the server is open to all.
    """
    per_minute: float = 0.0
    """The maximum number of requests that each key may send per minute; 0 means no limit."""
    cors: tuple[str, ...] = ()
    """The origins, separated by commas, whose pages may call the server (CORS)."""
    templates: str = ""
    """The folder of form templates; by default templates in INKRAY_HOME, else ~/inkray/templates."""
    access_log: int = 0
    """1 makes Serve log every request; errors are logged in any case."""
    watch_seconds: float = 5.0
    """The seconds between checks whether an alias points to another version; 0 turns the checks off."""

    def __post_init__(self) -> None:
        for name in COUNTS:
            if getattr(self, name) < 1:
                raise UsageError(f"{PREFIX}{name.upper()} is {getattr(self, name)}; it must be at least 1.")
        for name in ("cpus", "seconds", "live_seconds", "document_seconds"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{PREFIX}{name.upper()} is {getattr(self, name):g}; it must be above 0.")
        if self.second_opinion not in (known := get_args(Asked)):
            raise UsageError(
                f"{PREFIX}SECOND_OPINION is {self.second_opinion!r}; it must be one of {', '.join(known)}."
            )
        if not self.models:
            raise UsageError(f"{PREFIX}MODELS names no model.")
        self._check_queues()

    def _check_queues(self) -> None:
        """Refuse settings under which a batch could never fill or a request could never fit."""
        if self.batch_rows > self.requests:
            raise UsageError(
                f"{PREFIX}BATCH_ROWS is {self.batch_rows}, but {PREFIX}REQUESTS admits only {self.requests} requests "
                "at once, so that a batch of single digits would never fill; raise the latter or lower the former."
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
            # A server that should require keys must not be open because its key file is missing.
            raise UsageError(f"{KEYS_FILE}={file} cannot be read: {error}.") from error
    keys = [key.strip() for key in keys if key.strip() and not key.strip().startswith("#")]
    if (environment.get(KEYS) is not None or file) and not keys:
        raise UsageError(f"{KEYS} and {KEYS_FILE} hold no key; unset them to serve without keys.")
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise UsageError(f"A key in {KEYS} or {KEYS_FILE} has fewer than {SHORTEST_KEY} characters; use a longer one.")
    if any(not re.fullmatch(r"[!-~]+", key) for key in keys):
        raise UsageError(
            f"A key in {KEYS} or {KEYS_FILE} has characters that no header can carry; use ASCII without spaces."
        )
    return tuple(sorted({digest(key) for key in keys}))
