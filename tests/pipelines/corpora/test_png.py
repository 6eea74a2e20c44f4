from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipelines.corpora.corpus import Split
from pipelines.corpora.png import decode_png, encode_png
from pipelines.errors import DataError


def png(mode: str, size: tuple[int, int] = (28, 28)) -> bytes:
    content = io.BytesIO()
    Image.new(mode, size).save(content, format="PNG")
    return content.getvalue()


def error_of(content: bytes) -> str:
    with pytest.raises(DataError) as error:
        decode_png(content, "a.png")
    return str(error.value)


def test_every_pixel_comes_back(digits: Split) -> None:
    for image in digits.images:
        assert np.array_equal(decode_png(encode_png(image), "a.png"), image)


@pytest.mark.parametrize("mode", ["1", "I;16", "RGB", "LA", "P"])
def test_only_grey_of_8_bits(mode: str) -> None:
    assert error_of(png(mode)) == (
        f"a.png: expected 28 x 28 pixels of 8-bit grey (mode L), found 28 x 28 of mode {mode}."
    )


def test_only_28_by_28() -> None:
    found = "found 32 x 28 of mode L."
    assert error_of(png("L", (32, 28))) == f"a.png: expected 28 x 28 pixels of 8-bit grey (mode L), {found}"


def test_not_a_png() -> None:
    assert error_of(b"hello") == "a.png: this is not a PNG image."


def test_enormous_header_is_refused_unread() -> None:
    content = bytearray(png("L"))
    content[16:24] = struct.pack(">2I", 65536, 65536)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    assert error_of(bytes(content)).startswith("a.png: the PNG cannot be read (Image size (4294967296 pixels) exceeds")


def test_cut_png(digits: Split) -> None:
    assert error_of(encode_png(digits.images[0])[:300]).startswith("a.png: the PNG cannot be read (")
