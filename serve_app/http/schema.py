"""The shapes of answers and bodies, for the OpenAPI description."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class ErrorEntry(BaseModel):
    kind: str = Field(examples=["data"])
    message: str


class ErrorBody(ErrorEntry):
    request: str


class Error(BaseModel):
    error: ErrorBody


class ProtocolError(BaseModel):
    """As the Open Inference Protocol says it."""

    error: str


class Digit(BaseModel):
    """A reading, or an error in its place."""

    name: str | None = None
    label: str | None = Field(None, examples=["7"])
    confidence: float | None = Field(None, examples=[0.998])
    probabilities: dict[str, float] | None = None
    input: str | None = Field(None, description="Base64 of a PNG: the 28x28 that the model saw.")
    error: ErrorEntry | None = None


class DigitsResponse(BaseModel):
    model: str = Field(examples=["ink:3"])
    engine: str = Field(examples=["openvino bf16"])
    items: list[Digit]


class StringDigit(BaseModel):
    label: str
    confidence: float
    box: list[int]


class String(BaseModel):
    value: str = Field(examples=["2026"])
    confidence: float
    box: list[int]
    digits: list[StringDigit]


class Photo(BaseModel):
    name: str | None = None
    strings: list[String] | None = None
    error: ErrorEntry | None = None


class StringsResponse(BaseModel):
    model: str
    engine: str
    items: list[Photo]


class Alternative(BaseModel):
    value: str
    probability: float


class Cell(BaseModel):
    label: str
    confidence: float
    box: list[float]


class FormField(BaseModel):
    field: str
    value: str | None
    confidence: float
    status: str = Field(examples=["ok"], description="ok, review or error")
    reason_code: str | None
    reason: str | None
    box: list[float]
    cells: list[Cell]
    alternatives: list[Alternative]


class FormPage(BaseModel):
    page: int
    template: str | None
    status: str
    reason_code: str | None
    reason: str | None
    width_mm: float | None
    height_mm: float | None
    fields: list[FormField]
    picture: str | None = Field(None, description="Base64 of a JPEG: the page laid straight.")


class FormsResponse(BaseModel):
    model: str
    engine: str
    lines: str = Field(description="the model that read the numbers without cells", examples=["builtin-lines:1"])
    pages: list[FormPage]


class Model(BaseModel):
    name: str
    version: str
    engine: str
    classes: list[str]
    accept_above: float | None
    """From which confidence on a reading needs no second look; None where the model was not tested enough to tell."""
    default: bool


class ModelsResponse(BaseModel):
    models: list[Model]


class ReloadResponse(BaseModel):
    model: Model
    switched: bool


class TemplatesResponse(BaseModel):
    templates: list[str]


class StoredTemplate(BaseModel):
    template: str
    new: bool


class HealthResponse(BaseModel):
    status: str


_DESCRIPTIONS = {
    400: "the request makes no sense",
    401: "no API key, or an unknown one",
    404: "no such thing",
    408: "the request itself did not come in time",
    409: "the model store cannot give the version",
    413: "too large",
    415: "this kind of body is not taken",
    422: "the picture or document is not what it claims to be",
    429: "too often",
    503: "no room now; Retry-After says when to ask again",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": text} for status, text in _DESCRIPTIONS.items()
}
