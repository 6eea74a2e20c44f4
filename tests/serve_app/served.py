"""The server on a real Serve, in a process of its own that tests talk to over HTTP."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import ray
from ray import serve

from serve_app.app import application
from serve_app.settings import Settings


def main() -> None:
    """Open a server with the settings given as JSON at this port, then obey: a line of settings opens it again."""
    port = int(sys.argv[1])
    ray.init(namespace="serve", log_to_driver=False, logging_level="ERROR")
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    for line in sys.stdin:
        told: dict[str, Any] = json.loads(line)
        serve.run(application(Settings(**{**told, "models": tuple(told["models"])})), name="inkray")
        print("open", flush=True)
    serve.shutdown()
    time.sleep(0.1)


if __name__ == "__main__":
    main()
