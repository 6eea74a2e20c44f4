"""Runs of digits anywhere in a photo, as the answers tell them."""

from __future__ import annotations

from typing import Any

from pipelines.errors import DataError
from pipelines.strings.reading import FoundString, read_strings
from serve_app.bridge import Bridge
from serve_app.dataplane import DataPlane, Picture, Wish
from serve_app.errors import TooLarge, WrongBody, refusal
from serve_app.models import engine_of


async def read_photos(plane: DataPlane, photos: list[Picture], wish: Wish) -> dict[str, Any]:
    """One entry for each photo, in order; a damaged one among others has the reason in its place."""
    if not photos:
        raise WrongBody("The request holds no photo; send at least one.")
    if len(photos) > plane.settings.pages:
        raise TooLarge(f"The request holds {len(photos)} photos; send {plane.settings.pages} at most.")
    bridge = plane.bridge(wish.model)
    alone = len(photos) == 1
    items = [await _item(plane, bridge, photo, number, alone) for number, photo in enumerate(photos)]
    recognizer = bridge.recognizer
    return {"model": recognizer.model, "engine": engine_of(recognizer), "items": items}


async def read_photo(plane: DataPlane, content: bytes, model: str | None = None) -> list[dict[str, Any]]:
    return await plane.in_long_pool(_read, plane, plane.bridge(model), content, "the picture")


async def _item(plane: DataPlane, bridge: Bridge, photo: Picture, number: int, alone: bool) -> dict[str, Any]:
    name = {} if photo.name is None else {"name": photo.name}
    where = photo.name or ("the picture" if alone else f"picture {number}")
    try:
        return {**name, "strings": await plane.in_long_pool(_read, plane, bridge, photo.content, where)}
    except DataError as error:
        if alone:
            raise
        return {**name, "error": refusal(error).entry()}


def _read(plane: DataPlane, bridge: Bridge, content: bytes, where: str) -> list[dict[str, Any]]:
    photo = plane.decoded(content, where)
    return [_told(found) for found in read_strings(photo, bridge.probabilities, bridge.classes)]


def _told(found: FoundString) -> dict[str, Any]:
    reading = found.reading
    digits = [
        {"label": digit.label, "confidence": round(digit.confidence, 5), "box": _box(digit.box)}
        for digit in reading.digits
    ]
    confidence = round(reading.confidence, 5)
    return {"value": reading.value, "confidence": confidence, "box": _box(found.box), "digits": digits}


def _box(box: tuple[int, int, int, int]) -> list[int]:
    return [int(side) for side in box]
