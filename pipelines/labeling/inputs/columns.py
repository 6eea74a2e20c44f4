"""Which columns of a table hold images, and which of them is meant."""

from __future__ import annotations

import math

import pyarrow as pa

from pipelines.errors import UsageError
from pipelines.images import SIDE

USUAL_NAMES = ("image", "images", "img", "pixels", "png", "jpeg")
RAW = SIDE * SIDE


def tensor_shape(kind: pa.DataType) -> tuple[int, ...] | None:
    """The shape of one image if the column holds pixels, None if it holds encoded images."""
    if isinstance(kind, pa.BaseExtensionType):
        shape = tuple(getattr(kind, "shape", ()))
        grey, colour = len(shape) == 2, len(shape) == 3 and shape[2] in (1, 3)
        return shape if (grey or colour) and all(shape) else None
    if pa.types.is_fixed_size_list(kind) and pa.types.is_integer(kind.value_type):
        side = math.isqrt(kind.list_size)
        return (side, side) if side and side * side == kind.list_size else None
    return None


def holds_images(kind: pa.DataType) -> bool:
    if tensor_shape(kind) is not None or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    if pa.types.is_fixed_size_binary(kind):
        return kind.byte_width == RAW
    return pa.types.is_struct(kind) and any(field.name == "bytes" and holds_images(field.type) for field in kind)


def check_column(schema: pa.Schema, name: str, shown: str) -> None:
    if name not in schema.names:
        raise UsageError(f"{shown} has no column {name!r}; it has {_columns_of(schema)}.")
    kind = schema.field(name).type
    # What has no value in the whole file has no type either; such rows are errors, and other files may have images.
    if not holds_images(kind) and not pa.types.is_null(kind):
        raise UsageError(f"The column {name!r} of {shown} holds no images; it is {kind}.")


def _columns_of(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)


def choose_column(schema: pa.Schema, shown: str) -> str:
    fitting = [field.name for field in schema if holds_images(field.type)]
    if len(fitting) == 1:
        return fitting[0]
    usual = [name for name in fitting if name.lower() in USUAL_NAMES]
    if len(usual) == 1:
        return usual[0]
    if fitting:
        raise UsageError(
            f"{shown} has several columns that may hold images ({', '.join(fitting)}); name one of them.",
            option="column",
        )
    raise UsageError(
        f"{shown} has no column of images (tensors, 784 bytes, or encoded files); it has {_columns_of(schema)}."
    )
