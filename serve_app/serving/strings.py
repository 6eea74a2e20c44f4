"""Runs of digits anywhere in a photo, as JSON."""

from __future__ import annotations

from typing import Any

from pipelines.errors import DataError
from pipelines.strings.reading import FoundString, read_strings
from serve_app.errors import InvalidRequest, TooLarge, error_response
from serve_app.serving.dataplane import DataPlane, Upload


async def read_photos(plane: DataPlane, photos: list[Upload]) -> dict[str, Any]:
    """One item for each photo, in order; that of a damaged photo among others is an error."""
    if not photos:
        raise InvalidRequest("The request holds no photo; send at least one.")
    if len(photos) > plane.settings.pages:
        raise TooLarge(
            f"The request holds {len(photos)} photos; send at most {plane.settings.pages}, and the rest in another."
        )
    single = len(photos) == 1
    items = [await _item(plane, photo, number, single) for number, photo in enumerate(photos)]
    return {"model": plane.lines.model, "engine": f"{plane.lines.name} {plane.lines.precision}", "items": items}


async def read_photo(plane: DataPlane, content: bytes, where: str = "the image") -> list[dict[str, Any]]:
    found = await plane.in_page_pool(_read, plane, content, where)
    plane.meters.numbers(plane.lines.model, [one.reading.confidence for one in found])
    return [_string_json(one) for one in found]


async def _item(plane: DataPlane, photo: Upload, number: int, single: bool) -> dict[str, Any]:
    name = {} if photo.name is None else {"name": photo.name}
    where = photo.name or ("the image" if single else f"image {number}")
    try:
        return {**name, "strings": await read_photo(plane, photo.content, where)}
    except DataError as error:
        if single:
            raise
        return {**name, "error": error_response(error).entry()}


def _read(plane: DataPlane, content: bytes, where: str) -> list[FoundString]:
    return read_strings(plane.decoded(content, where), plane.lines)


def _string_json(found: FoundString) -> dict[str, Any]:
    reading = found.reading
    digits = [
        {"label": digit.label, "confidence": round(digit.confidence, 5), "box": _box(digit.box)}
        for digit in reading.digits
    ]
    confidence = round(reading.confidence, 5)
    return {"value": reading.value, "confidence": confidence, "box": _box(found.box), "digits": digits}


def _box(box: tuple[int, int, int, int]) -> list[int]:
    return [int(side) for side in box]
