"""REST v1: routes of a few lines over the data plane."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from serve_app.errors import InvalidRequest
from serve_app.http import schema
from serve_app.http.bodies import as_text, pictures
from serve_app.http.query import DigitsQuery, FormsQuery
from serve_app.serving.dataplane import DataPlane
from serve_app.serving.forms import FormOptions, read_form
from serve_app.serving.strings import read_photos

JSON = "application/json"
A_FILE = {"schema": {"type": "string", "format": "binary"}}
PICTURES = {
    "required": True,
    "content": {
        "image/png": A_FILE,
        "image/jpeg": A_FILE,
        "application/octet-stream": A_FILE,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                "required": ["files"],
            }
        },
        JSON: {
            "schema": {
                "type": "object",
                "properties": {"images": {"type": "array", "items": {"type": "string", "format": "byte"}}},
                "required": ["images"],
            },
        },
    },
}


DOCUMENT = {
    "required": True,
    "content": {
        "application/pdf": A_FILE,
        "image/png": A_FILE,
        "image/jpeg": A_FILE,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}, "inline": {"type": "string"}},
                "required": ["file"],
            }
        },
    },
}
TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
TEMPLATE = {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}


def taking(body: dict[str, Any]) -> dict[str, Any]:
    """A route that takes this body and gives what its function writes."""
    return {"openapi_extra": {"requestBody": body}, "responses": schema.ERRORS}


def router(plane: DataPlane) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/digits", response_model=schema.DigitsResponse, tags=["read"], **taking(PICTURES))
    async def digits(request: Request, query: Annotated[DigitsQuery, Query()]) -> Response:
        """Read one digit in each picture: label, confidence, a probability for every class."""
        files, _ = await pictures(request, plane.settings.rows)
        return Response(await plane.digits(files, query.options), media_type=JSON)

    @routes.post("/v1/strings", response_model=schema.StringsResponse, tags=["read"], **taking(PICTURES))
    async def strings(request: Request) -> Response:
        """Find and read every run of digits in each photo, with boxes in pixels: left, top, width, height.

        They are read whole, by a model of their own, which the answer names.
        """
        if "model" in request.query_params:
            raise InvalidRequest(f"Strings are read by {plane.lines.model} alone; leave model out.")
        files, _ = await pictures(request, plane.settings.pages)
        return JSONResponse(await read_photos(plane, files))

    @routes.post("/v1/forms", response_model=schema.FormsResponse, tags=["read"], **taking(DOCUMENT))
    async def forms(request: Request, query: Annotated[FormsQuery, Query()]) -> Response:
        """Read the fields of every page of a PDF or scan, by the templates named, or whichever kept one fits.

        A form may bring a template along in its field `inline`, as YAML. Pages count from 1, boxes are millimetres.
        """
        files, fields = await pictures(request, 1)
        if len(files) != 1:
            raise InvalidRequest(f"The request holds {len(files)} documents; send one.")
        inline = fields.get("inline")
        if inline is not None and not isinstance(inline, str):
            raise InvalidRequest('The field "inline" must be the template as text, in YAML.')
        options = FormOptions(tuple(query.template), inline, query.model, query.picture, query.accept_above)
        return JSONResponse(await read_form(plane, files[0], options))

    @routes.get("/v1/models", response_model=schema.ModelsResponse, tags=["models"], responses=schema.ERRORS)
    async def models() -> dict[str, Any]:
        """The models that read here; the first is asked where none is named."""
        return {"models": plane.registry.describe()}

    @routes.post(
        "/v1/models/{name}/reload", response_model=schema.ReloadResponse, tags=["models"], responses=schema.ERRORS
    )
    async def reload(name: str) -> dict[str, Any]:
        """Switch to the version that the model's alias stands for now. Every replica also looks by itself."""
        switched = await plane.registry.reload(name)
        served = plane.registry[name]
        return {"model": served.describe(served is plane.registry.default), "switched": switched}

    @routes.get("/v1/templates", response_model=schema.TemplatesResponse, tags=["templates"], responses=schema.ERRORS)
    async def templates() -> dict[str, list[str]]:
        """The names of the form templates."""
        return {"templates": plane.templates.names()}

    @routes.get("/v1/templates/{name}", response_class=Response, tags=["templates"], responses=TEXT | schema.ERRORS)
    async def template(name: str) -> Response:
        """A template as it was written, in YAML."""
        return PlainTextResponse(plane.templates.text(name))

    @routes.put("/v1/templates/{name}", response_model=schema.StoredTemplate, tags=["templates"], **taking(TEMPLATE))
    async def put_template(request: Request, name: str) -> dict[str, Any]:
        """Keep a template under this name; whatever is wrong with it is named by its line."""
        text = as_text(await request.body())
        return {"template": name, "new": await plane.in_long_pool(plane.templates.put, name, text)}

    @routes.delete("/v1/templates/{name}", status_code=204, tags=["templates"], responses=schema.ERRORS)
    async def delete_template(name: str) -> None:
        """Forget a template."""
        plane.templates.delete(name)

    @routes.get("/healthz", response_model=schema.HealthResponse, tags=["health"])
    async def healthz() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @routes.get("/readyz", response_model=schema.HealthResponse, tags=["health"], responses={503: schema.ERRORS[503]})
    async def readyz() -> dict[str, str]:
        """Whether every model is loaded, and pages and pictures are read."""
        plane.check_ready()
        return {"status": "ready"}

    return routes
