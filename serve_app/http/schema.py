"""The shapes of answers, for the OpenAPI description."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

Confidence = Annotated[
    float, Field(description="The probability, from 0 to 1, that the value is right.", examples=[0.998])
]
PixelBox = Annotated[list[int], Field(description="Left, top, width and height, in pixels of the photo.")]
PageBox = Annotated[list[float], Field(description="Left, top, width and height, in millimetres of the template.")]
ModelReference = Annotated[str, Field(description="The name and version of the model that read.", examples=["ink:3"])]
EngineName = Annotated[str, Field(description="The engine that ran the model.", examples=["openvino bf16"])]
FileName = Annotated[str | None, Field(description="The name of the file, if the request gave one.")]
Status = Annotated[str, Field(description="One of `ok`, `review` and `error`.", examples=["ok"])]
ReasonCode = Annotated[
    str | None, Field(description="The reason why a person must look, as a code; null if the status is `ok`.")
]
Reason = Annotated[str | None, Field(description="The reason why a person must look, in words.")]


class ErrorEntry(BaseModel):
    kind: str = Field(description="The kind of error, for programs.", examples=["data"])
    message: str = Field(description="What is wrong and how to mend it, for people.")


class ErrorBody(ErrorEntry):
    request: str = Field(description="The request id, also found in the server's log.")


class Error(BaseModel):
    error: ErrorBody


class ProtocolError(BaseModel):
    """An error in the form of the Open Inference Protocol."""

    error: str = Field(description="What is wrong, followed by the request id in brackets.")


class Digit(BaseModel):
    """The reading of one image, or the error of an image that cannot be read."""

    name: FileName = None
    label: str | None = Field(None, description="The most probable class.", examples=["7"])
    confidence: float | None = Field(None, description="The probability of the label.", examples=[0.998])
    probabilities: dict[str, float] | None = Field(None, description="The probability of every class.")
    second_opinion: str | None = Field(
        None, description="The model of lines, where it helped to read.", examples=["builtin-lines:1"]
    )
    input: str | None = Field(None, description="The 28x28 image that the model saw, as a PNG in base64.")
    error: ErrorEntry | None = None


class DigitsResponse(BaseModel):
    model: ModelReference
    engine: EngineName
    items: list[Digit] = Field(description="One item for each image, in the order of the request.")


class StringDigit(BaseModel):
    label: str = Field(description="The digit.", examples=["2"])
    confidence: Confidence
    box: PixelBox


class String(BaseModel):
    value: str = Field(description="The digits from left to right.", examples=["2026"])
    confidence: Confidence
    box: PixelBox
    digits: list[StringDigit]


class Photo(BaseModel):
    """The strings in one photo, or the error of a photo that cannot be read."""

    name: FileName = None
    strings: list[String] | None = Field(None, description="The strings of digits found, in reading order.")
    error: ErrorEntry | None = None


class StringsResponse(BaseModel):
    model: ModelReference
    engine: EngineName
    items: list[Photo] = Field(description="One item for each photo, in the order of the request.")


class Alternative(BaseModel):
    value: str = Field(description="Another value that the field may have.")
    probability: float = Field(description="The probability of that value.")


class Cell(BaseModel):
    label: str = Field(description="The class that the cell was read as.")
    confidence: Confidence
    box: PageBox


class FormField(BaseModel):
    field: str = Field(description="The name of the field in the template.")
    value: str | None = Field(description="The value read; null if none could be read.")
    confidence: Confidence
    status: Status
    reason_code: ReasonCode
    reason: Reason
    box: PageBox
    cells: list[Cell]
    alternatives: list[Alternative]


class FormPage(BaseModel):
    page: int = Field(description="The number of the page, from 1.")
    template: str | None = Field(description="The name of the template that fits the page; null if none does.")
    status: Status
    reason_code: ReasonCode
    reason: Reason
    width_mm: float | None = Field(description="The width of the template in millimetres.")
    height_mm: float | None = Field(description="The height of the template in millimetres.")
    fields: list[FormField]
    picture: str | None = Field(None, description="The page, straightened, as a JPEG in base64.")


class FormsResponse(BaseModel):
    model: ModelReference
    engine: EngineName
    lines: str = Field(
        description="The name and version of the model that read numbers without cells.", examples=["builtin-lines:1"]
    )
    pages: list[FormPage]


class Model(BaseModel):
    name: str = Field(description="The name to request the model by.")
    version: str = Field(description="The version that reads now.")
    engine: EngineName
    classes: list[str] = Field(description="The classes, in the order of the model's output.")
    accept_above: float | None = Field(
        description="The confidence from which readings need no review; null if the model was not tested enough."
    )
    default: bool = Field(description="Whether this model reads when a request names none.")


class ModelsResponse(BaseModel):
    models: list[Model]


class ReloadResponse(BaseModel):
    model: Model
    switched: bool = Field(description="Whether another version reads now than before.")


class TemplatesResponse(BaseModel):
    templates: list[str] = Field(description="The names of the templates.")


class StoredTemplate(BaseModel):
    template: str = Field(description="The name of the template.")
    new: bool = Field(description="Whether there was no template of this name before.")


class HealthResponse(BaseModel):
    status: str


_DESCRIPTIONS = {
    400: "The request is malformed.",
    401: "The API key is missing or not valid.",
    404: "There is no such model, version or template.",
    408: "The request did not arrive in time.",
    409: "The model store cannot provide the version.",
    413: "The request is too large.",
    415: "The content type is not supported.",
    422: "The image or document cannot be read.",
    429: "The API key exceeds its rate; Retry-After says when to try again.",
    503: "The server is overloaded or not ready; Retry-After says when to try again.",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": text} for status, text in _DESCRIPTIONS.items()
}
