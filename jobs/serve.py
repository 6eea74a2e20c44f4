#!/usr/bin/env python
"""Answer online with a Ray of its own, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import io
import logging
import os
import socket
import tempfile
import threading
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from jobs._cli import run
from jobs._ports import free_ports
from pipelines.errors import ClusterError, UsageError, first_line
from pipelines.files import paths
from pipelines.inference.line_recognizer import open_line_model
from pipelines.models.folder import open_model
from pipelines.models.store import ModelStore
from pipelines.ray_runtime.session import RayNeeds, own_ray
from serve_app.proxy import haproxy
from serve_app.settings import Settings

LOWEST, HIGHEST = 1024, 65535
OF_HAPROXY = ("RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_HAPROXY_STATS_PORT")
"""By default they are fixed ports, which a second server on the same machine could not have."""
GRACE_S = 20.0
"""Requests that are under way are answered first."""


@dataclass(frozen=True, kw_only=True)
class Serve:
    """Answer online with a Ray of its own, until Ctrl-C or SIGTERM; the page at / shows how to ask.

    inkray serve --port 8080

    All other settings are environment variables, such as INKRAY_SERVE_MODELS and INKRAY_API_KEYS.
    """

    host: str = "127.0.0.1"
    """The address to listen on. With 0.0.0.0 other machines reach the server too: set INKRAY_API_KEYS first."""
    port: int = 8000
    """The port to listen on."""


def main(options: Serve) -> None:
    check_free(options.host, options.port)
    with tempfile.TemporaryDirectory(prefix="inkray-", dir="/tmp") as folder:
        for variable, port in zip(OF_HAPROXY, free_ports(len(OF_HAPROXY)), strict=True):
            os.environ.setdefault(variable, str(port))
        haproxy.prepare(os.environ, Path(folder))
        answer(options)


def answer(options: Serve) -> None:
    """Start the server, and end it when this is interrupted."""
    # Only now, since they read the environment when they are imported.
    from ray import serve
    from ray.exceptions import RayError, RayTaskError

    from serve_app.app import SETTINGS, application

    check_models(SETTINGS)
    logs = paths.home() / "logs" / "serve"
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    with own_ray(RayNeeds(metrics=True)):
        try:
            serve.start(
                http_options={"host": options.host, "port": options.port}, logging_config={"logs_dir": str(logs)}
            )
            serve.run(application(SETTINGS, logs), name="inkray")
        except (RuntimeError, RayError) as error:
            cause = error.cause if isinstance(error, RayTaskError) else error
            raise ClusterError(f"The server did not start ({first_line(cause)}); its logs are in {logs}.") from error
        print(
            f"inkray answers at http://{options.host}:{options.port}, until Ctrl-C; its logs are in {logs}", flush=True
        )
        try:
            threading.Event().wait()
        finally:
            # Where Ray would say that Serve's controller failed, since it was killed as it should be.
            with redirect_stdout(io.StringIO()):
                serve.shutdown()


def check_models(settings: Settings) -> None:
    """Each replica would fail on its own, and be started again and again."""
    store = ModelStore(settings.store) if settings.store else None
    for model in settings.models:
        open_model(model, store)
    open_line_model(settings.lines, store)


def check_free(host: str, port: int) -> None:
    """Ray itself would try the port again and again."""
    if not LOWEST <= port <= HIGHEST:
        raise UsageError(f"--port is {port}; give a port from {LOWEST} to {HIGHEST}.")
    try:
        with socket.socket() as taken:
            # A port with connections in TIME_WAIT counts as free, one with a listener does not.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host, port))
            taken.listen()
    except OSError as error:
        raise ClusterError(f"Nobody can listen at {host}:{port} ({first_line(error)}); name another --port.") from error


def command() -> None:
    run(Serve, main, grace=GRACE_S)


if __name__ == "__main__":
    command()
