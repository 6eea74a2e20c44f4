"""Tensors as the Open Inference Protocol sends them: JSON numbers, or raw bytes behind the JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.images import SIDE
from pipelines.inference.recognizer import Recognizer
from serve_app.errors import InvalidRequest, TooLarge
from serve_app.http.bodies import json_object
from serve_app.serving.batching import BatchResult, Images

INPUT = "images"
BINARY_SIZE = "binary_data_size"
DATATYPES = {"probabilities": "FP32", "labels": "BYTES", "confidences": "FP32"}


@dataclass(frozen=True)
class InferRequest:
    images: Images
    id: str | None = None
    outputs: dict[str, bool] = field(default_factory=dict)
    """The outputs asked for, and whether as raw bytes."""


def describe(recognizer: Recognizer) -> dict[str, Any]:
    """The inputs and outputs, for the model's metadata."""
    wide = {"probabilities": [-1, len(recognizer.classes)], "labels": [-1], "confidences": [-1]}
    return {
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, SIDE, SIDE]}],
        "outputs": [{"name": name, "datatype": kind, "shape": wide[name]} for name, kind in DATATYPES.items()],
        "parameters": {"classes": ",".join(recognizer.classes)},
    }


def parse(body: bytes, json_length: str | None, most_rows: int) -> InferRequest:
    """The request in a body whose first `json_length` bytes are JSON, if there is more than that."""
    size = _json_size(json_length, len(body))
    message, raw = json_object(body[:size]), memoryview(body)[size:]
    images = _images(_only_input(message.get("inputs")), raw, most_rows)
    name = message.get("id")
    return InferRequest(images, name if isinstance(name, str) else None, _outputs(message))


def _json_size(message: str | None, there: int) -> int:
    if message is None:
        return there
    if not message.isascii() or not message.isdigit() or len(message) > 12 or int(message) > there:
        raise InvalidRequest(f"Inference-Header-Content-Length is {message!r}, and the body has {there} bytes.")
    return int(message)


def _only_input(inputs: object) -> Mapping[str, Any]:
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise InvalidRequest(f'"inputs" must be a list of one tensor, "{INPUT}".')
    tensor = inputs[0]
    if tensor.get("name") != INPUT:
        raise InvalidRequest(f'The input is called {tensor.get("name")!r}; it must be "{INPUT}".')
    if tensor.get("datatype") != "UINT8":
        raise InvalidRequest(
            f'The datatype of "{INPUT}" is {tensor.get("datatype")!r}; it must be UINT8, ink bright on dark.'
        )
    return tensor


def _images(tensor: Mapping[str, Any], raw: memoryview, most_rows: int) -> Images:
    shape = tensor.get("shape")
    whole = isinstance(shape, list) and len(shape) == 3 and all(type(side) is int for side in shape)
    if not isinstance(shape, list) or not whole or shape[1:] != [SIDE, SIDE] or shape[0] < 1:
        raise InvalidRequest(f'The shape of "{INPUT}" is {shape}; it must be [N, {SIDE}, {SIDE}].')
    if shape[0] > most_rows:
        raise TooLarge(f"The request holds {shape[0]} digits; send {most_rows} at most, and the rest in another.")
    wanted = shape[0] * SIDE * SIDE
    pixels = _from_bytes(tensor, raw) if BINARY_SIZE in _parameters(tensor) else _from_json(tensor, raw)
    if pixels.size != wanted:
        raise InvalidRequest(f'"{INPUT}" has {pixels.size} pixels; its shape {shape} means {wanted}.')
    return pixels.reshape(shape)


def _from_bytes(tensor: Mapping[str, Any], raw: memoryview) -> NDArray[np.uint8]:
    message = _parameters(tensor)[BINARY_SIZE]
    if type(message) is not int or message != len(raw):
        raise InvalidRequest(f"{BINARY_SIZE} is {message!r}, but {len(raw)} bytes follow the JSON.")
    return np.frombuffer(raw, np.uint8)


def _from_json(tensor: Mapping[str, Any], raw: memoryview) -> NDArray[np.uint8]:
    if len(raw):
        raise InvalidRequest(f"{len(raw)} bytes follow the JSON, but no {BINARY_SIZE} says whose they are.")
    try:
        numbers = np.asarray(tensor.get("data")).ravel()
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f'The "data" of "{INPUT}" must be numbers, as many in every row.') from error
    if numbers.dtype.kind not in "iu" or (numbers.size and not 0 <= numbers.min() <= numbers.max() <= 255):
        raise InvalidRequest(f'The "data" of "{INPUT}" must be whole numbers from 0 to 255.')
    return numbers.astype(np.uint8)


def _outputs(message: Mapping[str, Any]) -> dict[str, bool]:
    binary = _parameters(message).get("binary_data_output") is True
    asked = message.get("outputs")
    if asked is None or asked == []:
        return dict.fromkeys(DATATYPES, binary)
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise InvalidRequest('"outputs" must be a list of objects.')
    for one in asked:
        if not isinstance(one.get("name"), str) or one["name"] not in DATATYPES:
            raise InvalidRequest(f"There is no output {one.get('name')!r}; known: {', '.join(DATATYPES)}.")
    return {one["name"]: _parameters(one).get("binary_data", binary) is True for one in asked}


def _parameters(message: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = message.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InvalidRequest(f'"parameters" must be an object, not {type(parameters).__name__}.')
    return parameters


def answer(request: InferRequest, read: BatchResult, name: str, version: str) -> tuple[bytes, int | None]:
    """The body, and how long its JSON is if bytes follow it."""
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
    head = json.dumps(message if request.id is None else {**message, "id": request.id}).encode()
    return b"".join([head, *raw]), len(head) if raw else None


def _as_bytes(values: NDArray[Any]) -> bytes:
    if values.dtype.kind == "f":
        return values.astype("<f4").tobytes()
    texts = [str(value).encode() for value in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
