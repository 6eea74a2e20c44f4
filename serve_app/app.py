"""The online server on Ray Serve: `inkray serve`, or `serve deploy cluster/serve.yaml` on a running cluster."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from pipelines.errors import UsageError
from serve_app.proxy import haproxy
from serve_app.settings import Settings

# Not in the replicas, which import this too.
IS_STARTED_HERE = "RAY_JOB_ID" not in os.environ and "RAY_RAYLET_PID" not in os.environ


def read_environment() -> tuple[Settings, str]:
    """The settings, and a description of the proxy in front of the server."""
    try:
        return Settings.from_environment(), haproxy.prepare(os.environ)
    except UsageError as error:
        if not IS_STARTED_HERE:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


# Ray would report to its makers which of its libraries run on how large a cluster.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Before Serve is imported, since Serve reads the environment only once, and before it starts Ray, which hands it on.
SETTINGS, PROXY = read_environment()

from ray import serve  # noqa: E402
from ray.serve import Application  # noqa: E402
from starlette.types import ASGIApp  # noqa: E402

from pipelines.ray_runtime.replica_port import stay_on_this_node  # noqa: E402
from serve_app.http.asgi import build  # noqa: E402
from serve_app.serving.dataplane import DataPlane  # noqa: E402
from serve_app.serving.meters import Meters  # noqa: E402
from serve_app.serving.ray_meters import RaySink  # noqa: E402

log = logging.getLogger("ray.serve")

NAME = "InkServer"
HEADROOM = 64
"""Requests that Serve lets through above the gateway's own limit, so that the gateway itself rejects them."""
SWITCH_INTERVAL_S = 0.0005
"""How soon Python switches threads; the engine's must not wait the usual 5 ms for the event loop to release the GIL."""


@serve.ingress()
class InkServer:
    def __init__(self, settings: Settings) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        stay_on_this_node()
        log.info("the server is %s", haproxy.mode(os.environ))
        self._plane = DataPlane(settings, Meters(RaySink()))

    def check_health(self) -> None:
        """Serve replaces a replica for which this raises."""
        if stuck := self._plane.stuck():
            raise RuntimeError(stuck)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        # Serve itself puts the request id into every answer.
        return build(self._plane, adds_request_id=False)


def application(settings: Settings, logs: Path | None = None) -> Application:
    """The server as Serve deploys it; it logs into this folder, or by default into that of Ray's session."""
    deployment = serve.deployment(
        name=NAME,
        num_replicas=settings.replicas,
        max_ongoing_requests=settings.requests + settings.live + HEADROOM,
        max_queued_requests=HEADROOM,
        # A new version's replicas come beside the old ones, not in their place.
        max_surge_percent=100,
        ray_actor_options={"num_cpus": settings.cpus},
        logging_config={"enable_access_log": bool(settings.access_log), "logs_dir": logs and str(logs)},
        health_check_period_s=5,
        graceful_shutdown_timeout_s=settings.seconds + 10,
    )
    return deployment(InkServer).bind(settings)


if IS_STARTED_HERE:
    print(f"inkray's server: {PROXY}", file=sys.stderr)
app = application(SETTINGS)
