"""What can go wrong with a request, and the one table that gives each error its HTTP status.

InkrayError
└── RequestError                what a request can be refused with
    ├── Unauthorized            no API key, or an unknown one
    ├── RateLimited             more requests than the key may send
    ├── TooLarge                more bytes, pixels, images or pages than are accepted
    ├── InvalidRequest          a malformed body or parameter
    ├── NotFound                no such path, template or version
    ├── MethodNotAllowed        the path exists, but not for this method
    ├── UnsupportedMediaType    a content type that is not accepted here
    ├── RequestTimeout          the request itself did not arrive in time
    ├── Overloaded              no capacity now; the same request may succeed a second later
    ├── DeadlineExceeded        the answer took longer than allowed
    └── NotReady                the models are not loaded yet, or the server is shutting down
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from traceback import format_tb

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
"""The status and kind of each class; a subclass that is not listed has those of its nearest base class."""

INTERNAL = "Internal error; give the operator the request id."


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
        """The error in the form of REST v1 or, under /v2, of the Open Inference Protocol."""
        if path.startswith("/v2"):
            return json.dumps({"error": f"{self.message} [{request}]"}).encode()
        return json.dumps({"error": {**self.entry(), "request": request}}).encode()


def error_response(error: BaseException) -> ErrorResponse:
    """The answer to a failed request; an unexpected error tells the caller nothing but that it happened."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return ErrorResponse(*STATUS[kind], str(error))
    # Not its words, which may hold what was read or sent.
    log.error("unexpected %s\n%s", type(error).__name__, "".join(format_tb(error.__traceback__)).rstrip())
    return ErrorResponse(500, "internal", INTERNAL)
