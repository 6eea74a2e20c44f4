"""Readings as JSON; that of digits is formatted by hand, since a general encoder takes longer than reading."""

from __future__ import annotations

import base64
import json
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.inference.recognizer import Recognizer
from serve_app.errors import ErrorResponse
from serve_app.serving.batching import BatchResult
from serve_app.serving.registry import engine_of


@lru_cache
def _digit_format(classes: tuple[str, ...]) -> str:
    """A format string for label, confidence and each probability."""
    names = ",".join(json.dumps(name).replace("%", "%%") + ":%.5f" for name in classes)
    return '"label":"%s","confidence":%.5f,"probabilities":{' + names + "}"


@lru_cache
def _head(model: str, engine: str) -> str:
    return f'{{"model":{json.dumps(model)},"engine":{json.dumps(engine)},"items":['


def digit_items(read: BatchResult, recognizer: Recognizer, include_input: bool) -> list[str]:
    """The members of each digit's JSON object, without the braces."""
    reading, template = read.reading, _digit_format(tuple(recognizer.classes))
    rows = zip(reading.labels.tolist(), reading.confidences.tolist(), reading.probabilities.tolist(), strict=True)
    items = [template % (label, confidence, *probabilities) for label, confidence, probabilities in rows]
    if include_input:
        return [f'{item},"input":"{png(image)}"' for item, image in zip(items, read.inputs, strict=True)]
    return items


def error_item(error: ErrorResponse) -> str:
    return f'"error":{json.dumps(error.entry())}'


def named(item: str, name: str | None) -> str:
    return item if name is None else f'"name":{json.dumps(name)},{item}'


def digits_body(recognizer: Recognizer, items: list[str]) -> bytes:
    head = _head(recognizer.model, engine_of(recognizer))
    return (head + ",".join(f"{{{item}}}" for item in items) + "]}").encode()


def png(image: NDArray[np.uint8]) -> str:
    return base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()


def jpeg(image: NDArray[np.uint8]) -> str:
    return base64.b64encode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()).decode()
