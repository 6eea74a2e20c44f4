"""The three ways to send pictures: the raw bytes of one, many files of a form, base64 in JSON."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from serve_app.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from serve_app.serving.dataplane import Upload

JSON, FORM = "application/json", "multipart/form-data"
RAW = ("image/", "application/octet-stream", "application/pdf")


def kind_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def pictures(request: Request, most: int) -> tuple[list[Upload], dict[str, Any]]:
    """The pictures, and what else a JSON body or a form says."""
    kind = kind_of(request)
    if kind == JSON:
        return _from_json(await request.body())
    if kind == FORM:
        return await _from_form(request, most)
    if kind.startswith(RAW):
        return [Upload(None, await request.body())], {}
    raise UnsupportedMediaType(
        f"Content-Type is {kind or 'not given'}; send a picture as image/png or the like, many as {FORM}, "
        f'or {JSON} with base64 in "images".'
    )


async def _from_form(request: Request, most: int) -> tuple[list[Upload], dict[str, Any]]:
    try:
        form = await request.form(max_files=most, max_fields=20)
    except (MultiPartException, HTTPException) as error:  # the one as the other, within an application
        why = error.message if isinstance(error, MultiPartException) else error.detail
        if why.startswith("Too many files"):
            raise TooLarge(
                f"The form holds more than {most} files; send {most} at most, and the rest in another."
            ) from error
        raise InvalidRequest(f"The form cannot be read: {why}") from error
    files = [(value.filename or name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
    fields = {name: value for name, value in form.multi_items() if not isinstance(value, UploadFile)}
    return [Upload(name, await file.read()) for name, file in files], fields


def _from_json(body: bytes) -> tuple[list[Upload], dict[str, Any]]:
    fields = json_object(body)
    images = fields.pop("images", None)
    if "image" in fields:
        images = [fields.pop("image")]
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise InvalidRequest('The JSON must hold "images": a list of pictures, each the base64 of a file.')
    return [Upload(None, _decoded(image, number)) for number, image in enumerate(images)], fields


def json_object(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is no JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise InvalidRequest(f"The JSON must be an object, not {type(fields).__name__}.")
    return fields


def as_text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not text in UTF-8.") from error


def _decoded(text: str, number: int) -> bytes:
    # As a browser's canvas gives it.
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"Picture {number} of the JSON is no base64: {error}.") from error
