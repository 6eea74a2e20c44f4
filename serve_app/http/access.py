"""API keys, compared by their digests in constant time, and the rate limit of each.

The limit is a token bucket of six lines; libraries for it bring a storage and decorators of routes.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from serve_app.errors import RateLimited, Unauthorized
from serve_app.settings import Settings, digest

PUBLIC = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")
"""Health checks come without a key, and tell nothing else."""
PUBLIC_PAGE, PUBLIC_FILES = "/", "/web/"
"""The page asks the person for the key, so it must load without one; it holds no data."""
KEY_PROTOCOL = "inkray.key."
"""The only header that a browser lets a page set on a WebSocket is the subprotocol: inkray.key.KEY, percent-encoded."""

Headers = Mapping[bytes, bytes]


class Guard:
    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._digests = settings.key_digests
        self._rate = settings.per_minute / 60
        self._burst = max(settings.per_minute, 1.0)
        self._clock = clock
        self._tokens: dict[str, tuple[float, float]] = {}

    def check(self, path: str, headers: Headers) -> None:
        """Refuse a caller without a valid key, or one that asks too often; public paths are never refused."""
        if not self._digests and not self._rate:
            return
        if path in PUBLIC or path == PUBLIC_PAGE or path.startswith(PUBLIC_FILES):
            return
        caller = self._caller(headers) if self._digests else ""
        if self._rate:
            self._spend(caller)

    def _caller(self, headers: Headers) -> str:
        key = key_in(headers)
        if not key:
            raise Unauthorized(
                "This server needs an API key: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            )
        given = digest(key)
        # Every known key is compared, so that the time taken does not tell which one came near.
        found = [known for known in self._digests if hmac.compare_digest(known, given)]
        if not found:
            raise Unauthorized("The API key is not valid here; ask the operator for one.")
        return found[0]

    def _spend(self, caller: str) -> None:
        """Take a token from the caller's bucket, which holds a minute's requests and refills steadily."""
        now = self._clock()
        left, since = self._tokens.get(caller, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        if left < 1:
            raise RateLimited(f"More than {self._rate * 60:g} requests in a minute; try again in a second.")
        self._tokens[caller] = (left - 1, now)


def key_in(headers: Headers) -> str:
    scheme, _, bearer = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    if key := headers.get(b"x-api-key", b"").decode("latin-1").strip():
        return key
    return unquote((key_protocol(headers) or "").removeprefix(KEY_PROTOCOL))


def key_protocol(headers: Headers) -> str | None:
    """The subprotocol that holds a key; the server must repeat it when it accepts the WebSocket."""
    offered = headers.get(b"sec-websocket-protocol", b"").decode("latin-1").split(",")
    return next((name.strip() for name in offered if name.strip().startswith(KEY_PROTOCOL)), None)
