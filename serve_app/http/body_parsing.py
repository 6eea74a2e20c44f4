"""The three ways to send images: the raw bytes of one, many as multipart/form-data, many as base64 in JSON."""

from __future__ import annotations

import base64
import binascii
import math
import sys
from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from serve_app.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from serve_app.serving.dataplane import Upload

JSON, FORM = "application/json", "multipart/form-data"
MAX_FIELDS = 20
"""The fields of a form that may come beside its files."""
RAW = ("image/", "application/octet-stream", "application/pdf")


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def uploads(request: Request, most: int) -> tuple[list[Upload], dict[str, Any]]:
    """The files in a body, and the other fields of a form or of a JSON object."""
    kind = media_type(request)
    if kind == JSON:
        return _from_json(await request.body())
    if kind == FORM:
        return await _from_form(request, most)
    if kind.startswith(RAW):
        return [Upload(None, await request.body())], {}
    raise UnsupportedMediaType(
        f"Content-Type is {kind or 'not given'}; send one image as image/png or the like, many as {FORM}, "
        f'or {JSON} with base64 in "images".'
    )


class _TooManyFiles(MultiPartException):
    """A subclass, since the parser closes the files that it has opened when it raises one."""


class _FormParser(MultiPartParser):
    """Starlette's own, but it says by the class of its exception that there are too many files, and uses no disk."""

    spool_max_size = sys.maxsize
    """Files stay in memory, as bodies of other types do: what people send is not to lie about on disk."""

    def __init__(self, request: Request, most: int) -> None:
        # The parser's own limit is never reached: it refuses too many files only in words.
        super().__init__(request.headers, request.stream(), max_files=math.inf, max_fields=MAX_FIELDS)
        # With one part more there is a file too many, since a field too many is refused at its header.
        self._parts, self._max_parts = 0, most + MAX_FIELDS + 1

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._parts += 1
        if self._parts > self._max_parts:
            raise _TooManyFiles("too many parts")


async def _from_form(request: Request, most: int) -> tuple[list[Upload], dict[str, Any]]:
    try:
        form = await _FormParser(request, most).parse()
    except _TooManyFiles as error:
        raise _too_many(most) from error
    except MultiPartException as error:
        raise InvalidRequest(f"The form cannot be read: {error.message}") from error
    files = [(value.filename or name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
    if len(files) > most:
        raise _too_many(most)
    fields = {name: value for name, value in form.multi_items() if not isinstance(value, UploadFile)}
    return [Upload(name, await file.read()) for name, file in files], fields


def _too_many(most: int) -> TooLarge:
    return TooLarge(f"The form holds more than {most} files; send at most {most}, and the rest in another.")


def _from_json(body: bytes) -> tuple[list[Upload], dict[str, Any]]:
    fields = json_object(body)
    images = fields.pop("images", None)
    if "image" in fields:
        images = [fields.pop("image")]
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise InvalidRequest('The JSON must hold "images": a list of files, each encoded in base64.')
    return [Upload(None, _decoded(image, number)) for number, image in enumerate(images)], fields


def json_object(body: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(body)
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise InvalidRequest(f"The JSON must be an object, not {type(fields).__name__}.")
    return fields


def as_text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not UTF-8 text.") from error


def _decoded(text: str, number: int) -> bytes:
    # A data URL, as a browser's canvas gives it.
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"Image {number} of the JSON is not valid base64: {error}.") from error
