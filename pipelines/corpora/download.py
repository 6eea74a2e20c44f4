"""Downloads files from mirrors, resumes interrupted ones, and puts them in place only after checking them."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from pipelines.errors import DataError
from pipelines.files.locks import locked

ATTEMPTS = 3
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Source:
    """The mirrors that have the files (URLs that end in a slash), and the md5 of each file by its name."""

    mirrors: tuple[str, ...]
    md5: dict[str, str]


class _TryAgain(Exception):
    """The mirror did not deliver the whole file; another attempt may."""


class _GiveUp(Exception):
    """The mirror cannot deliver the right file."""


def fetch_files(names: Iterable[str], folder: Path, source: Source) -> None:
    """Download files into `folder`; an interrupted one stays as NAME.part, and the next call resumes it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Two processes that need the same files must not write to the same .part.
        with locked(folder), _progress() as progress:
            for name in names:
                if not (folder / name).exists():
                    _fetch(name, folder, source, progress)
    except OSError as error:
        raise DataError(f"cannot write into {folder}: {error.strerror}") from error


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


def _fetch(name: str, folder: Path, source: Source, progress: Progress) -> None:
    part = folder / f"{name}.part"
    failures = []
    for mirror in source.mirrors:
        try:
            _from_mirror(mirror + name, part, source.md5[name], progress)
        except _GiveUp as failure:
            failures.append(f"{mirror}: {failure}")
        else:
            part.replace(folder / name)
            return
    raise DataError(f"{name} from {'; from '.join(failures)}")


def _from_mirror(url: str, part: Path, md5: str, progress: Progress) -> None:
    failure = ""
    for _ in range(ATTEMPTS):
        resumed = part.exists()
        try:
            _download(url, part, progress)
        except _TryAgain as reason:
            failure = str(reason)
            continue
        found = hashlib.md5(part.read_bytes(), usedforsecurity=False).hexdigest()
        if found == md5:
            return
        part.unlink()
        failure = f"wrong content, md5 {found} and not {md5}"
        # The wrong bytes may come from an earlier mirror, so give up on this one only after a fresh start.
        if not resumed:
            break
    raise _GiveUp(failure)


def _download(url: str, part: Path, progress: Progress) -> None:
    """Append what is missing to `part`, or start over if the server does not support ranges."""
    start = part.stat().st_size if part.exists() else 0
    with _open(url, part, start) as response:
        start = start if response.status == HTTPStatus.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        task = progress.add_task(part.stem, total=total, completed=start)
        with part.open("ab" if start else "wb") as file:
            for chunk in _chunks(response):
                file.write(chunk)
                progress.advance(task, len(chunk))
        if total is not None and part.stat().st_size < total:
            raise _TryAgain(f"cut off after {part.stat().st_size} of {total} bytes")


def _open(url: str, part: Path, start: int) -> HTTPResponse:
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            part.unlink()
            raise _TryAgain("no bytes where the earlier download stopped") from error
        raise _GiveUp(f"HTTP {error.code} {error.reason}") from error
    except URLError as error:
        raise _GiveUp(str(error.reason)) from error
    except (HTTPException, OSError) as error:
        raise _TryAgain(str(error)) from error
    return response


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(CHUNK_BYTES)
        except (HTTPException, OSError) as error:
            raise _TryAgain(str(error)) from error
        if not chunk:
            return
        yield chunk
