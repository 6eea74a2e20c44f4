"""What can go wrong with a request, and the one table that says with which status it is answered.

InkrayError
└── RequestError                what only a request can be refused with
    ├── Unauthorized            no API key, or one that is not known
    ├── RateLimited             more requests than the key may send
    ├── TooLarge                more bytes, pixels, images or pages than are taken
    ├── InvalidRequest          a body or parameter that makes no sense
    ├── NotFound                no such path, template or version
    ├── MethodNotAllowed        the path is there, but not for this method
    ├── UnsupportedMediaType    a kind of body that is not taken here
    ├── RequestTimeout          the request itself did not come in time
    ├── Overloaded              no room now; the same request may succeed a second later
    ├── DeadlineExceeded        the answer took longer than it may
    └── NotReady                the server is not open yet, or closing
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from pipelines.errors import DataError, EngineError, InkrayError, StoreError, UnknownName, UsageError

log = logging.getLogger("ray.serve")

RETRY_AFTER_S = 1


class RequestError(InkrayError):
    pass


class Unauthorized(RequestError):
    pass


class RateLimited(RequestError):
    pass


class TooLarge(RequestError):
    pass


class InvalidRequest(RequestError):
    pass


class NotFound(RequestError):
    pass


class MethodNotAllowed(RequestError):
    pass


class UnsupportedMediaType(RequestError):
    pass


class RequestTimeout(RequestError):
    pass


class Overloaded(RequestError):
    pass


class DeadlineExceeded(RequestError):
    pass


class NotReady(RequestError):
    pass


STATUS: dict[type[InkrayError], tuple[int, str]] = {
    Unauthorized: (401, "unauthorized"),
    RateLimited: (429, "rate_limited"),
    TooLarge: (413, "too_large"),
    InvalidRequest: (400, "invalid_request"),
    NotFound: (404, "not_found"),
    MethodNotAllowed: (405, "method_not_allowed"),
    UnsupportedMediaType: (415, "unsupported_media_type"),
    RequestTimeout: (408, "request_timeout"),
    Overloaded: (503, "overloaded"),
    DeadlineExceeded: (503, "deadline_exceeded"),
    NotReady: (503, "not_ready"),
    UnknownName: (404, "unknown_name"),
    UsageError: (400, "usage"),
    DataError: (422, "data"),
    StoreError: (409, "store"),
    EngineError: (503, "engine"),
}
"""By the class itself, else by the nearest of those above it."""

INTERNAL = "Something went wrong in here, and it is not your doing; tell the operator the request's id."


@dataclass(frozen=True)
class ErrorResponse:
    status: int
    kind: str
    message: str

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        named = {
            401: (b"www-authenticate", b'Bearer realm="inkray"'),
            429: (b"retry-after", b"%d" % RETRY_AFTER_S),
            503: (b"retry-after", b"%d" % RETRY_AFTER_S),
        }
        return [named[self.status]] if self.status in named else []

    def entry(self) -> dict[str, str]:
        return {"kind": self.kind, "message": self.message}

    def body(self, request: str, path: str) -> bytes:
        """As REST v1 says it, or as the Open Inference Protocol does."""
        if path.startswith("/v2"):
            return json.dumps({"error": f"{self.message} [{request}]"}).encode()
        return json.dumps({"error": {**self.entry(), "request": request}}).encode()


def error_response(error: BaseException) -> ErrorResponse:
    """What a caller is told; of what nobody foresaw, nothing but that it happened."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return ErrorResponse(*STATUS[kind], str(error))
    log.error("an unforeseen %s", type(error).__name__, exc_info=error)
    return ErrorResponse(500, "internal", INTERNAL)
