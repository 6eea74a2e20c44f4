"""A folder in an object store: S3 and what speaks like it, Google Cloud Storage, Azure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import ObjectStore, from_url

from pipelines.errors import InkrayError
from pipelines.files.bucket_uri import access_of
from pipelines.files.object_lock import ObjectLock
from pipelines.files.remote import display_name
from pipelines.files.storage import Content, Storage

if TYPE_CHECKING:
    from obstore import ObjectMeta

RETRY, LONGEST_PAUSE = timedelta(seconds=60), timedelta(seconds=5)
"""How long a request is repeated that the store does not answer, and the longest pause between two."""
SAID_BY_STORE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
Version = Any
"""What tells one content of an object from the next, as the library has it."""


class ObjectStorage(Storage):
    def __init__(self, uri: str, retry: timedelta = RETRY) -> None:
        self.shown, self._retry = display_name(uri), retry
        self._access = access_of(uri)
        self._lock: ObjectLock | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Connections and the lock stay in the process that has them.
        return {"shown": self.shown, "_retry": self._retry, "_access": self._access, "_lock": None}

    @cached_property
    def _store(self) -> ObjectStore:
        url, config, plain_http = self._access
        settings: dict[str, Any] = {
            "config": config,
            "client_options": {"allow_http": plain_http},
            "retry_config": {"retry_timeout": self._retry, "backoff": {"max_backoff": LONGEST_PAUSE}},
        }
        return from_url(url, **settings)

    def put(self, name: str, content: Content) -> None:
        with self._errors_told("written"):
            if isinstance(content, bytes):
                obstore.put(self._store, name, content)
                return
            # The library would ask for the pieces where no other object can be read, and they may be made of some.
            # Without a close nothing is there by this name.
            writer = obstore.open_writer(self._store, name)
            for piece in content:
                writer.write(piece)
            writer.close()

    def put_new(self, name: str, content: bytes) -> None:
        self.put_if(name, content, None)

    def put_if(self, name: str, content: bytes, version: Version | None) -> Version | None:
        """Write over this version alone, or with None only where nothing is; the new version if it was so."""
        try:
            with self._errors_told("written"):
                return _version(obstore.put(self._store, name, content, mode=version or "create", use_multipart=False))
        except (AlreadyExistsError, PreconditionError):
            return None

    def get(self, name: str) -> bytes | None:
        found = self.get_version(name)
        return found and found[0]

    def get_version(self, name: str) -> tuple[bytes, Version] | None:
        with self._errors_told("read"):
            try:
                found = obstore.get(self._store, name)
            except FileNotFoundError as error:
                self._check_bucket(error)
                return None
            return found.bytes().to_bytes(), _version(found.meta)

    def exists(self, name: str) -> bool:
        with self._errors_told("read"):
            try:
                obstore.head(self._store, name)
            except FileNotFoundError as error:
                self._check_bucket(error)
                return False
            return True

    def names(self, folder: str = "") -> list[str]:
        with self._errors_told("read"):
            found = obstore.list_with_delimiter(self._store, folder or None)
        paths = [*found["common_prefixes"], *(one["path"] for one in found["objects"])]
        return sorted(path.rpartition("/")[2] for path in paths)

    def objects(self) -> Iterator[ObjectMeta]:
        """All that lies in the folder, however deep, as the store tells of it."""
        with self._errors_told("read"):
            for some in obstore.list(self._store):
                yield from some

    def delete(self, name: str) -> None:
        with self._errors_told("written"):
            for objects in obstore.list(self._store, name):
                obstore.delete(self._store, [one["path"] for one in objects])
            with suppress(FileNotFoundError):
                obstore.delete(self._store, name)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        self._lock = ObjectLock(self, name)
        with self._lock:
            yield

    def check_locked(self) -> None:
        if self._lock:
            self._lock.check()

    def clear_drafts(self, *folders: str) -> None:
        return  # an object that was not finished is not there

    def for_tables(self, folder: str) -> tuple[str, dict[str, str]]:
        url, config, plain_http = self._access
        return f"{url.rstrip('/')}/{folder}", config | {"allow_http": str(plain_http).lower()}

    @contextmanager
    def scratch(self, name: str) -> Iterator[None]:
        yield None

    def _check_bucket(self, error: FileNotFoundError) -> None:
        """Nothing by that name is an answer; a bucket that is not there is none."""
        if "NoSuchBucket" in str(error):
            raise error

    @contextmanager
    def _errors_told(self, purpose: str) -> Iterator[None]:
        try:
            yield
        except (AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, OSError, ValueError) as error:
            self._tell(purpose, error)

    def _tell(self, purpose: str, error: Exception) -> NoReturn:
        # Neither the error nor the URL in it is quoted whole: Azure has the key of a link in its query.
        text = str(error)
        said = SAID_BY_STORE.search(text)
        why = said[1] if said else (text.splitlines() or [""])[0].rpartition(" - ")[2]
        raise InkrayError(
            f"{self.shown} cannot be {purpose}: {re.sub(r'[?].*', '', why).strip().rstrip('.')}. Check the bucket, its "
            "endpoint and the credentials in the environment."
        ) from None


def _version(known: Mapping[str, Any]) -> Version:
    return {name: known[name] for name in ("e_tag", "version") if known[name] is not None}
