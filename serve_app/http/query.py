"""What the query of a request may say: the same for every content type, on the fast path and off it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo

from serve_app.errors import InvalidRequest
from serve_app.serving.dataplane import ReadOptions

FLAGS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def _flag(value: object, info: ValidationInfo) -> bool:
    known = FLAGS.get(str(value).lower())
    if known is None:
        raise InvalidRequest(f"{info.field_name} is {str(value)[:80]!r}; it must be true or false.")
    return known


Flag = Annotated[bool, BeforeValidator(_flag)]
"""Any of `FLAGS`, in upper or lower case."""


class DigitsQuery(BaseModel):
    model: str | None = Field(None, description="The model to read with; by default the first one served.")
    include_input: Flag = Field(False, description="Whether the 28x28 image that the model saw comes with each digit.")

    @property
    def options(self) -> ReadOptions:
        return ReadOptions(self.model or None, self.include_input)


class FormsQuery(BaseModel):
    template: list[str] = Field(
        [], description="Names of the templates to choose from; by default all that the server has."
    )
    model: str | None = Field(None, description="The model that reads single digits; by default the first one served.")
    picture: Flag = Field(False, description="Whether each page, straightened, comes along as a JPEG.")
    accept_above: float | None = Field(
        None, ge=0, le=1, description="The confidence from which a field is ok; by default the model's own threshold."
    )


def read_options(query: bytes) -> ReadOptions:
    """The options in the query of a request that no framework has parsed; the last value of a name counts."""
    if not query:
        return ReadOptions()
    return DigitsQuery.model_validate(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))).options
