from __future__ import annotations

import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.images.levels import to_bytes


def levels(*values: float, dtype: str) -> np.ndarray:
    return np.array([values], dtype)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (levels(0, 7, 255, dtype="uint8"), [0, 7, 255]),
        (levels(0, 1, dtype="bool"), [0, 255]),
        # What fits into a byte is one, whatever it is kept in.
        (levels(0, 7, 255, dtype="uint16"), [0, 7, 255]),
        (levels(0, 7, 255, dtype="int64"), [0, 7, 255]),
        (levels(0, 257, 65535, dtype="uint16"), [0, 1, 255]),
        (levels(0, 257, 65535, dtype=">u2"), [0, 1, 255]),
        # Dim 16 bits stay dim.
        (levels(0, 1028, dtype="int32"), [0, 4]),
        (levels(0, 2**31, 2**32 - 1, dtype="uint32"), [0, 128, 255]),
        (levels(-51, 0, 102, dtype="int8"), [0, 85, 255]),
        (levels(0, 0.2, 1, dtype="float16"), [0, 51, 255]),
        (levels(0, 0.2, 1, dtype="float32"), [0, 51, 255]),
        (levels(0, 0.2, 0.4, dtype="float64"), [0, 51, 102]),
        (levels(0, 1.5, 255, dtype="float32"), [0, 2, 255]),
        (levels(0, 257, 65535, dtype="float32"), [0, 1, 255]),
        (levels(0, 5e5, 1e6, dtype="float32"), [0, 128, 255]),
        (levels(-1, 0, 1, dtype="float32"), [0, 128, 255]),
        (levels(-3, -1, dtype="float64"), [0, 170]),
    ],
)
def test_the_range_is_what_the_type_means_or_wider(pixels: np.ndarray, expected: list[int]) -> None:
    found = to_bytes(pixels)
    assert found.dtype == np.uint8
    assert found.tolist() == [expected]


def test_bytes_are_not_copied() -> None:
    pixels = levels(0, 7, 255, dtype="uint8")
    assert to_bytes(pixels) is pixels


def test_what_is_no_number_or_endless_is_black() -> None:
    assert to_bytes(levels(np.nan, np.inf, -np.inf, 0.2, dtype="float32")).tolist() == [[0, 0, 0, 51]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "bool", "float32", "float64"])
def test_no_pixels_are_no_bytes(dtype: str) -> None:
    assert to_bytes(np.empty((0, 5), dtype)).shape == (0, 5)


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]", "<U1", "object"])
def test_what_is_not_a_number_is_refused(dtype: str) -> None:
    with pytest.raises(DataError) as error:
        to_bytes(np.zeros((2, 2), dtype))
    assert str(error.value) == f"Pixels must be numbers, not {dtype}."


def test_numbers_as_large_as_there_are_have_a_range_too() -> None:
    assert to_bytes(levels(-1.7e308, 0, 1.7e308, dtype="float64")).tolist() == [[0, 128, 255]]
