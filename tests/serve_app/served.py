"""The server on a real Serve, in a process of its own that tests call over HTTP."""

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
    """Deploy the server on this port once for each line on stdin, which holds its settings as JSON."""
    port = int(sys.argv[1])
    ray.init(namespace="serve", log_to_driver=False, logging_level="ERROR")
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    for line in sys.stdin:
        settings: dict[str, Any] = json.loads(line)
        serve.run(application(Settings(**{**settings, "models": tuple(settings["models"])})), name="inkray")
        print("open", flush=True)
    serve.shutdown()
    time.sleep(0.1)


if __name__ == "__main__":
    main()
