"""REST v1: thin routes over the data plane."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from serve_app.errors import InvalidRequest
from serve_app.http import schema
from serve_app.http.body_parsing import as_text, uploads
from serve_app.http.query import DigitsQuery, FormsQuery
from serve_app.serving.answers import as_json
from serve_app.serving.dataplane import DataPlane
from serve_app.serving.forms import FormOptions, read_form
from serve_app.serving.strings import read_photos

JSON = "application/json"
BINARY = {"schema": {"type": "string", "format": "binary"}}
IMAGES = {
    "required": True,
    "content": {
        "image/png": BINARY,
        "image/jpeg": BINARY,
        "application/octet-stream": BINARY,
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
        "application/pdf": BINARY,
        "image/png": BINARY,
        "image/jpeg": BINARY,
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


def accepting(body: dict[str, Any]) -> dict[str, Any]:
    """Options of a route that accepts this body."""
    return {"openapi_extra": {"requestBody": body}, "responses": schema.ERRORS}


def router(plane: DataPlane) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/digits", response_model=schema.DigitsResponse, tags=["read"], **accepting(IMAGES))
    async def digits(request: Request, query: Annotated[DigitsQuery, Query()]) -> Response:
        """Read one digit in each image: its label, its confidence and the probability of every class."""
        files, _ = await uploads(request, plane.settings.rows)
        return Response(await plane.digits(files, query.options), media_type=JSON)

    @routes.post("/v1/strings", response_model=schema.StringsResponse, tags=["read"], **accepting(IMAGES))
    async def strings(request: Request) -> Response:
        """Find and read every run of digits in each photo, with boxes in pixels: left, top, width, height.

        A model of their own reads them as a whole; the answer names it.
        """
        if "model" in request.query_params:
            raise InvalidRequest(f"Strings are always read by {plane.lines.model}; leave out the parameter model.")
        files, _ = await uploads(request, plane.settings.pages)
        return Response(as_json(await read_photos(plane, files)), media_type=JSON)

    @routes.post("/v1/forms", response_model=schema.FormsResponse, tags=["read"], **accepting(DOCUMENT))
    async def forms(request: Request, query: Annotated[FormsQuery, Query()]) -> Response:
        """Read the fields on every page of a PDF or scan, by whichever of the templates fits the page.

        A multipart form may hold a template itself, as YAML in `inline`. Pages count from 1; boxes are in millimetres.
        """
        files, fields = await uploads(request, 1)
        if len(files) != 1:
            raise InvalidRequest(f"The request holds {len(files)} documents; send one.")
        inline = fields.get("inline")
        if inline is not None and not isinstance(inline, str):
            raise InvalidRequest('The field "inline" must be the template as text, in YAML.')
        options = FormOptions(tuple(query.template), inline, query.model, query.picture, query.accept_above)
        return Response(as_json(await read_form(plane, files[0], options)), media_type=JSON)

    @routes.get("/v1/models", response_model=schema.ModelsResponse, tags=["models"], responses=schema.ERRORS)
    async def models() -> dict[str, Any]:
        """The models that are served; the first is the default."""
        return {"models": plane.registry.describe()}

    @routes.post(
        "/v1/models/{name}/reload", response_model=schema.ReloadResponse, tags=["models"], responses=schema.ERRORS
    )
    async def reload(name: str) -> dict[str, Any]:
        """Switch to the version that the model's alias points to now. Every replica also checks by itself."""
        switched = await plane.registry.reload(name)
        served = plane.registry[name]
        return {"model": served.describe(served is plane.registry.default), "switched": switched}

    @routes.get("/v1/templates", response_model=schema.TemplatesResponse, tags=["templates"], responses=schema.ERRORS)
    async def templates() -> dict[str, list[str]]:
        """The names of the form templates."""
        return {"templates": plane.templates.names()}

    @routes.get("/v1/templates/{name}", response_class=Response, tags=["templates"], responses=TEXT | schema.ERRORS)
    async def template(name: str) -> Response:
        """A template as it was uploaded, in YAML."""
        return PlainTextResponse(plane.templates.text(name))

    @routes.put("/v1/templates/{name}", response_model=schema.StoredTemplate, tags=["templates"], **accepting(TEMPLATE))
    async def put_template(request: Request, name: str) -> dict[str, Any]:
        """Store a template under this name; an error in it is reported with its line."""
        text = as_text(await request.body())
        return {"template": name, "new": await plane.in_page_pool(plane.templates.put, name, text)}

    @routes.delete("/v1/templates/{name}", status_code=204, tags=["templates"], responses=schema.ERRORS)
    async def delete_template(name: str) -> None:
        """Delete a template."""
        plane.templates.delete(name)

    @routes.get("/healthz", response_model=schema.HealthResponse, tags=["health"])
    async def healthz() -> dict[str, str]:
        """Whether the process is alive."""
        return {"status": "ok"}

    @routes.get("/readyz", response_model=schema.HealthResponse, tags=["health"], responses={503: schema.ERRORS[503]})
    async def readyz() -> dict[str, str]:
        """Whether every model is loaded and no thread is stuck."""
        plane.check_ready()
        return {"status": "ready"}

    return routes
