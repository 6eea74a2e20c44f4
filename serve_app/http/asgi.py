"""The ASGI application: `build(DataPlane(settings))` runs under any ASGI server, and in tests without one."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from pipelines.errors import InkrayError
from serve_app.errors import InvalidRequest, MethodNotAllowed, NotFound, RequestError, error_response
from serve_app.http import live, rest, v2
from serve_app.http.docs import docs_page
from serve_app.http.gateway import REQUEST, Gateway
from serve_app.serving.dataplane import DataPlane

WEB = Path(__file__).parent.parent / "web"


def build(plane: DataPlane, adds_request_id: bool = True) -> ASGIApp:
    gateway: ASGIApp = Gateway(plane, routes(plane), adds_request_id)
    if plane.settings.cors:
        # Outside the gateway, since the preflight request of a browser carries no key.
        gateway = CORSMiddleware(gateway, plane.settings.cors, allow_methods=["*"], allow_headers=["*"])
    return gateway


def routes(plane: DataPlane) -> FastAPI:
    app = FastAPI(title="inkray", version="1", docs_url=None, redoc_url=None, description=_ABOUT)
    app.include_router(rest.router(plane))
    app.include_router(v2.router(plane))
    app.include_router(live.router(plane))
    _add_pages(app)
    _add_errors(app, plane)
    return app


_ABOUT = "Reads handwritten digits, strings of digits and forms."


def _add_pages(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        if not (WEB / "index.html").is_file():
            raise NotFound("This server has no page; /docs describes its API.")
        return FileResponse(WEB / "index.html")

    app.mount("/web", StaticFiles(directory=WEB, check_dir=False), name="web")


def _add_errors(app: FastAPI, plane: DataPlane) -> None:
    async def refuse(request: Request, error: Exception) -> Response:
        refused = error_response(error)
        plane.meters.error(refused.kind)
        body = refused.body(REQUEST.get(), request.scope["path"])
        headers = {name.decode(): value.decode() for name, value in refused.headers}
        return Response(body, refused.status, headers, "application/json")

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return await refuse(request, _as_request_error(request, error))

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return await refuse(request, InvalidRequest(f"{where}: {first['msg']}."))

    app.add_exception_handler(InkrayError, refuse)
    app.add_exception_handler(Exception, refuse)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, validation)


def _as_request_error(request: Request, error: HTTPException) -> RequestError:
    path = request.scope["path"]
    if error.status_code == 404:
        return NotFound(f"There is no route {path}; /docs lists the routes.")
    if error.status_code == 405:
        return MethodNotAllowed(f"{path} does not accept {request.method}; /docs lists the routes and their methods.")
    return InvalidRequest(f"{error.detail}.")
