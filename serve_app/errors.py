"""What can go wrong with a request, and the one table that says with which status it is answered.

InkrayError
└── RequestError        what only a request can be refused with
    ├── NoKey           no API key, or one that is not known
    ├── TooOften        more requests than the key may send
    ├── TooLarge        more bytes, pixels, images or pages than are taken
    ├── WrongBody       a body or parameter that makes no sense
    ├── NotThere        no such path, template or version
    ├── WrongMethod     the path is there, but not for this method
    ├── WrongType       a kind of body that is not taken here
    ├── SlowRequest     the request itself did not come in time
    ├── Overloaded      no room now; the same request may succeed a second later
    ├── TooSlow         the answer took longer than it may
    └── NotReady        the door is not open yet, or closing
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


class NoKey(RequestError):
    pass


class TooOften(RequestError):
    pass


class TooLarge(RequestError):
    pass


class WrongBody(RequestError):
    pass


class NotThere(RequestError):
    pass


class WrongMethod(RequestError):
    pass


class WrongType(RequestError):
    pass


class SlowRequest(RequestError):
    pass


class Overloaded(RequestError):
    pass


class TooSlow(RequestError):
    pass


class NotReady(RequestError):
    pass


STATUS: dict[type[InkrayError], tuple[int, str]] = {
    NoKey: (401, "no_key"),
    TooOften: (429, "too_often"),
    TooLarge: (413, "too_large"),
    WrongBody: (400, "wrong_body"),
    NotThere: (404, "not_there"),
    WrongMethod: (405, "wrong_method"),
    WrongType: (415, "wrong_type"),
    SlowRequest: (408, "slow_request"),
    Overloaded: (503, "overloaded"),
    TooSlow: (503, "too_slow"),
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
class Refusal:
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


def refusal(error: BaseException) -> Refusal:
    """What a caller is told; of what nobody foresaw, nothing but that it happened."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return Refusal(*STATUS[kind], str(error))
    log.error("an unforeseen %s", type(error).__name__, exc_info=error)
    return Refusal(500, "internal", INTERNAL)
