"""Downloads files from mirrors, and puts each in place whole and checked, or not at all.

By httpx, since torchvision's own download waits for ever for a server that falls silent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from pipelines.errors import DataError
from pipelines.files.atomic import write_atomic
from pipelines.files.locks import locked

ATTEMPTS = 3
"""How often a mirror is asked whose answer was cut off."""
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Source:
    """The mirrors that have the files (URLs that end in a slash), and the md5 of each file by its name."""

    mirrors: tuple[str, ...]
    md5: dict[str, str]


def fetch_files(names: Iterable[str], folder: Path, source: Source) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Of several processes that need the same files, one asks for them.
        with locked(folder / ".lock"), _progress() as progress:
            for name in names:
                if not (folder / name).exists():
                    write_atomic(folder / name, _from_mirrors(name, source, progress))
    except OSError as error:
        raise DataError(f"cannot write into {folder}: {error.strerror}") from error


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


def _from_mirrors(name: str, source: Source, progress: Progress) -> bytes:
    failures = []
    for mirror in source.mirrors:
        try:
            content = _patiently(mirror + name, progress)
        except httpx.HTTPStatusError as error:
            failures.append(f"{mirror}: HTTP {error.response.status_code} {error.response.reason_phrase}")
        except httpx.HTTPError as error:
            failures.append(f"{mirror}: {error}")
        else:
            found = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if found == source.md5[name]:
                return content
            failures.append(f"{mirror}: wrong content, md5 {found} and not {source.md5[name]}")
    raise DataError(f"{name} from {'; from '.join(failures)}")


def _patiently(url: str, progress: Progress) -> bytes:
    """Ask again where the answer was cut off."""
    for _ in range(ATTEMPTS - 1):
        with suppress(httpx.ReadError, httpx.RemoteProtocolError):
            return _download(url, progress)
    return _download(url, progress)


def _download(url: str, progress: Progress) -> bytes:
    # A server that packed its answer would give other bytes than those of the sum.
    unpacked = {"Accept-Encoding": "identity"}
    with httpx.stream("GET", url, headers=unpacked, timeout=TIMEOUT_SECONDS, follow_redirects=True) as response:
        response.raise_for_status()
        length, content = int(response.headers.get("Content-Length", 0)), bytearray()
        task = progress.add_task(url.rpartition("/")[2], total=length or None)
        for chunk in response.iter_raw():
            content += chunk
            progress.update(task, completed=len(content))
        return bytes(content)
