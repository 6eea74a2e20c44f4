"""Readings as JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import orjson
from numpy.typing import NDArray

from pipelines.inference.recognizer import Recognizer
from serve_app.serving.batching import BatchResult
from serve_app.serving.registry import engine_of

Item = Mapping[str, Any]


def digit_items(read: BatchResult, recognizer: Recognizer, include_input: bool) -> list[Item]:
    """What each digit reads as, its numbers to five decimals."""
    rows = read.reading.probabilities.astype(float).round(5).tolist()
    items: list[Item] = [
        # The confidence is the probability of the label, and so the greatest.
        {"label": label, "confidence": max(row), "probabilities": dict(zip(recognizer.classes, row, strict=True))}
        for label, row in zip(read.reading.labels.tolist(), rows, strict=True)
    ]
    if (seconded := read.reading.seconded) is not None:
        second = {"second_opinion": recognizer.second_model}
        items = [{**item, **second} if one else item for item, one in zip(items, seconded, strict=True)]
    if include_input:
        return [{**item, "input": png(image)} for item, image in zip(items, read.inputs, strict=True)]
    return items


def digits_body(recognizer: Recognizer, items: Sequence[Item]) -> bytes:
    return as_json({"model": recognizer.model, "engine": engine_of(recognizer), "items": items})


def as_json(answer: Item) -> bytes:
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def png(image: NDArray[np.uint8]) -> str:
    return base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()
