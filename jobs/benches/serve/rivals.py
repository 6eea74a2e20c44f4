"""The servers of the serve bench, each in a process of its own that runs until its stdin closes.

python -m jobs.benches.serve.rivals KIND PORT MODEL
"""

from __future__ import annotations

import os
import sys
import threading

# At module level, where FastAPI resolves annotations.
from fastapi import FastAPI, Request


def fastapi(port: int, model: str) -> None:
    """The usual way: the route decodes the image and calls the engine."""
    import cv2
    import numpy as np
    import uvicorn

    from pipelines.inference.engines import open_engine
    from pipelines.models.folder import open_model

    folder = open_model(model)
    app, engine = FastAPI(), open_engine("auto", folder, threads=1)

    @app.post("/v1/digits")
    async def digits(request: Request) -> dict[str, object]:
        image = cv2.imdecode(np.frombuffer(await request.body(), np.uint8), cv2.IMREAD_GRAYSCALE)
        return {"label": folder.classes[int(engine.run(np.asarray(image, np.uint8)[None]).argmax())]}

    threading.Thread(target=_end_with_stdin, daemon=True).start()
    uvicorn.run(app, port=port, log_level="error")


def inkray(port: int, model: str) -> None:
    """The real server, with one replica of one thread."""
    from ray import serve

    from pipelines.ray_runtime.session import ray_session
    from serve_app.app import application  # first, since it sets how Ray starts
    from serve_app.settings import Settings

    with ray_session():
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        serve.run(application(Settings(models=(model,), threads=1)), name="inkray")
        sys.stdin.read()
        serve.shutdown()


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


RIVALS = {"fastapi": fastapi, "inkray": inkray}

if __name__ == "__main__":
    RIVALS[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
