"""Who may ask: API keys, compared by their digests and in constant time, and how often each may."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from serve_app.errors import RateLimited, Unauthorized
from serve_app.settings import Settings, digest

OPEN = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")
"""Who watches over the server has no key, and learns nothing there."""
OPEN_PAGE, OPEN_FILES = "/", "/web/"
"""The page asks for the key, so it must come without one; it holds nothing but itself."""
KEY_PROTOCOL = "inkray.key."
"""A browser can send a WebSocket no header but this: the subprotocol inkray.key.KEY, percent-encoded."""

Headers = Mapping[bytes, bytes]


class Guard:
    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._digests = settings.key_digests
        self._rate = settings.per_minute / 60
        self._burst = max(settings.per_minute, 1.0)
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def check(self, path: str, headers: Headers) -> None:
        """Refuse who has no key, or asks too often; what is open is open to all."""
        if not self._digests and not self._rate:
            return
        if path in OPEN or path == OPEN_PAGE or path.startswith(OPEN_FILES):
            return
        who = self._who(headers) if self._digests else ""
        if self._rate:
            self._spend(who)

    def _who(self, headers: Headers) -> str:
        key = key_in(headers)
        if not key:
            raise Unauthorized(
                "This server needs an API key: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`."
            )
        given = digest(key)
        # Every known one is compared, so that the time says nothing about which came near.
        found = [known for known in self._digests if hmac.compare_digest(known, given)]
        if not found:
            raise Unauthorized("The API key is not known here; ask the operator for one.")
        return found[0]

    def _spend(self, who: str) -> None:
        """A bucket of a minute's requests, which fills again steadily."""
        now = self._clock()
        left, since = self._left.get(who, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        if left < 1:
            raise RateLimited(f"More than {self._rate * 60:g} requests in a minute; ask again in a second.")
        self._left[who] = (left - 1, now)


def key_in(headers: Headers) -> str:
    scheme, _, bearer = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    if own := headers.get(b"x-api-key", b"").decode("latin-1").strip():
        return own
    return unquote((key_protocol(headers) or "").removeprefix(KEY_PROTOCOL))


def key_protocol(headers: Headers) -> str | None:
    """The subprotocol that holds a key, which the server must name again when it accepts."""
    offered = headers.get(b"sec-websocket-protocol", b"").decode("latin-1").split(",")
    return next((name.strip() for name in offered if name.strip().startswith(KEY_PROTOCOL)), None)
