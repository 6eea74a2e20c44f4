"""Tensors of the Open Inference Protocol: numbers in JSON, or raw bytes that follow the JSON.

By hand, since the packages that speak it are clients, or bring a server of their own.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.images import SIDE
from pipelines.inference.recognizer import Recognizer
from serve_app.errors import InvalidRequest, TooLarge
from serve_app.http.body_parsing import json_object
from serve_app.serving.answers import as_json
from serve_app.serving.batching import BatchResult, Images

INPUT = "images"
BINARY_SIZE = "binary_data_size"
DATATYPES = {"probabilities": "FP32", "labels": "BYTES", "confidences": "FP32"}


@dataclass(frozen=True)
class InferRequest:
    images: Images
    id: str | None = None
    outputs: dict[str, bool] = field(default_factory=dict)
    """The requested outputs, and whether each is sent as raw bytes."""


def describe(recognizer: Recognizer) -> dict[str, Any]:
    """The model's inputs and outputs, as in its metadata."""
    shapes = {"probabilities": [-1, len(recognizer.classes)], "labels": [-1], "confidences": [-1]}
    return {
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, SIDE, SIDE]}],
        "outputs": [{"name": name, "datatype": kind, "shape": shapes[name]} for name, kind in DATATYPES.items()],
        "parameters": {"classes": ",".join(recognizer.classes)},
    }


def parse(body: bytes, json_length: str | None, max_rows: int) -> InferRequest:
    """The request in a body whose first `json_length` bytes are JSON; without a length, all are."""
    size = _json_size(json_length, len(body))
    message, raw = json_object(body[:size]), memoryview(body)[size:]
    images = _images(_only_input(message.get("inputs")), raw, max_rows)
    name = message.get("id")
    return InferRequest(images, name if isinstance(name, str) else None, _outputs(message))


def _json_size(header: str | None, available: int) -> int:
    if header is None:
        return available
    if not header.isascii() or not header.isdigit() or len(header) > 12 or int(header) > available:
        raise InvalidRequest(f"Inference-Header-Content-Length is {header!r}, but the body has {available} bytes.")
    return int(header)


def _only_input(inputs: object) -> Mapping[str, Any]:
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise InvalidRequest(f'"inputs" must be a list of one tensor, "{INPUT}".')
    tensor = inputs[0]
    if tensor.get("name") != INPUT:
        raise InvalidRequest(f'The input is named {tensor.get("name")!r}; it must be "{INPUT}".')
    if tensor.get("datatype") != "UINT8":
        raise InvalidRequest(
            f'The datatype of "{INPUT}" is {tensor.get("datatype")!r}; it must be UINT8, ink bright on dark.'
        )
    return tensor


def _images(tensor: Mapping[str, Any], raw: memoryview, max_rows: int) -> Images:
    shape = tensor.get("shape")
    is_valid = isinstance(shape, list) and len(shape) == 3 and all(type(side) is int for side in shape)
    if not isinstance(shape, list) or not is_valid or shape[1:] != [SIDE, SIDE] or shape[0] < 1:
        raise InvalidRequest(f'The shape of "{INPUT}" is {shape}; it must be [N, {SIDE}, {SIDE}].')
    if shape[0] > max_rows:
        raise TooLarge(f"The request holds {shape[0]} digits; send at most {max_rows}, and the rest in another.")
    expected = shape[0] * SIDE * SIDE
    pixels = _from_bytes(tensor, raw) if BINARY_SIZE in _parameters(tensor) else _from_json(tensor, raw)
    if pixels.size != expected:
        raise InvalidRequest(f'"{INPUT}" has {pixels.size} pixels; its shape {shape} means {expected}.')
    return pixels.reshape(shape)


def _from_bytes(tensor: Mapping[str, Any], raw: memoryview) -> NDArray[np.uint8]:
    size = _parameters(tensor)[BINARY_SIZE]
    if type(size) is not int or size != len(raw):
        raise InvalidRequest(f"{BINARY_SIZE} is {size!r}, but {len(raw)} bytes follow the JSON.")
    return np.frombuffer(raw, np.uint8)


def _from_json(tensor: Mapping[str, Any], raw: memoryview) -> NDArray[np.uint8]:
    if len(raw):
        raise InvalidRequest(f"{len(raw)} bytes follow the JSON, but the input has no {BINARY_SIZE}.")
    try:
        numbers = np.asarray(tensor.get("data")).ravel()
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f'The "data" of "{INPUT}" must be numbers, the same count in every row.') from error
    if numbers.dtype.kind not in "iu" or (numbers.size and not 0 <= numbers.min() <= numbers.max() <= 255):
        raise InvalidRequest(f'The "data" of "{INPUT}" must be whole numbers from 0 to 255.')
    return numbers.astype(np.uint8)


def _outputs(message: Mapping[str, Any]) -> dict[str, bool]:
    binary = _parameters(message).get("binary_data_output") is True
    requested = message.get("outputs")
    if requested is None or requested == []:
        return dict.fromkeys(DATATYPES, binary)
    if not isinstance(requested, list) or not all(isinstance(one, dict) for one in requested):
        raise InvalidRequest('"outputs" must be a list of objects.')
    for one in requested:
        if not isinstance(one.get("name"), str) or one["name"] not in DATATYPES:
            raise InvalidRequest(f"There is no output {one.get('name')!r}; known: {', '.join(DATATYPES)}.")
    return {one["name"]: _parameters(one).get("binary_data", binary) is True for one in requested}


def _parameters(message: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = message.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InvalidRequest(f'"parameters" must be an object, not {type(parameters).__name__}.')
    return parameters


def encode(request: InferRequest, read: BatchResult, name: str, version: str) -> tuple[bytes, int | None]:
    """The body of the response, and the length of its JSON if raw bytes follow it."""
    values: dict[str, NDArray[Any]] = {
        "probabilities": read.reading.probabilities,
        "labels": read.reading.labels,
        "confidences": read.reading.confidences,
    }
    outputs, raw = [], []
    for output, binary in request.outputs.items():
        tensor: dict[str, Any] = {"name": output, "datatype": DATATYPES[output], "shape": list(values[output].shape)}
        if binary:
            raw.append(_as_bytes(values[output]))
            tensor["parameters"] = {BINARY_SIZE: len(raw[-1])}
        else:
            tensor["data"] = values[output].ravel().tolist()
        outputs.append(tensor)
    message = {"model_name": name, "model_version": version, "outputs": outputs}
    head = as_json(message if request.id is None else {**message, "id": request.id})
    return b"".join([head, *raw]), len(head) if raw else None


def _as_bytes(values: NDArray[Any]) -> bytes:
    if values.dtype.kind == "f":
        return values.astype("<f4").tobytes()
    texts = [str(value).encode() for value in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
