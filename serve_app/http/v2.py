"""The Open Inference Protocol, version 2, over HTTP, as clients of Triton and KServe speak it."""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import Any

from fastapi import APIRouter, Request, Response

from serve_app.http import schema
from serve_app.http.tensors import describe, encode, parse
from serve_app.serving.dataplane import DataPlane
from serve_app.serving.registry import ServedModel

JSON_LENGTH = "Inference-Header-Content-Length"
MODEL = "/v2/models/{name}"
VERSION = MODEL + "/versions/{version}"
INFER_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": {"type": "object", "required": ["inputs"]}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": schema.ProtocolError, "description": entry["description"]}
    for status, entry in schema.ERRORS.items()
}


def router(plane: DataPlane) -> APIRouter:
    routes = APIRouter(tags=["open inference protocol v2"], responses=ERRORS)

    def served(name: str, version: str | None = None) -> ServedModel:
        found = plane.registry[name]
        if version is not None:
            found.check_version(version)
        return found

    @routes.get("/v2")
    async def server() -> dict[str, Any]:
        """The server's metadata."""
        return {"name": "inkray", "version": installed("inkray"), "extensions": ["binary_tensor_data"]}

    @routes.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        """Whether the process is alive."""
        return {"live": True}

    @routes.get("/v2/health/ready")
    async def ready() -> dict[str, bool]:
        """Whether every model is loaded and no thread is stuck."""
        plane.check_ready()
        return {"ready": True}

    @routes.post("/v2/repository/index")
    async def index() -> list[dict[str, str]]:
        """The models that are served."""
        return [
            {"name": one.name, "version": one.loaded.version, "state": "READY", "reason": ""}
            for one in plane.registry.values()
        ]

    @routes.get(MODEL)
    @routes.get(VERSION)
    async def model(name: str, version: str | None = None) -> dict[str, Any]:
        """A model's metadata: its inputs, outputs and classes."""
        loaded = served(name, version).loaded
        metadata = {"name": name, "versions": [loaded.version], "platform": loaded.recognizer.engine.name}
        return {**metadata, **describe(loaded.recognizer)}

    @routes.get(MODEL + "/ready")
    @routes.get(VERSION + "/ready")
    async def model_ready(name: str, version: str | None = None) -> dict[str, Any]:
        """Whether this model is ready."""
        return {"name": served(name, version).name, "ready": True}

    @routes.post(MODEL + "/infer", openapi_extra={"requestBody": INFER_BODY})
    @routes.post(VERSION + "/infer", openapi_extra={"requestBody": INFER_BODY})
    async def infer(request: Request, name: str, version: str | None = None) -> Response:
        """Read the digits in the tensor `images`, UINT8 [N, 28, 28], as JSON or as bytes that follow it."""
        model = served(name, version)
        parsed = parse(await request.body(), request.headers.get(JSON_LENGTH), plane.settings.rows)
        read, loaded = await model.read(parsed.images)
        body, json_length = encode(parsed, read, name, loaded.version)
        if json_length is None:
            return Response(body, media_type="application/json")
        return Response(body, 200, {JSON_LENGTH: str(json_length)}, "application/octet-stream")

    return routes
