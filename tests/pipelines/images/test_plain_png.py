"""A plain PNG is decoded as Pillow decodes it, and whatever is not plain is left to Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pipelines.errors import DataError
from pipelines.images import decode
from pipelines.images.plain_png import decode_plain_png

START = b"\x89PNG\r\n\x1a\n"
CHANCE = np.random.default_rng(5)
SIZES = [(1, 1), (1, 7), (9, 1), (2, 3), (28, 28), (57, 91), (200, 200)]
FILTERS = {"none": 0, "sub": 1, "up": 2, "average": 3, "paeth": 4}


def noise(height: int = 28, width: int = 28) -> np.ndarray:
    return CHANCE.integers(0, 256, (height, width), np.uint8)


def slope(height: int, width: int) -> np.ndarray:
    """Something that filters are good for."""
    return np.add.outer(np.arange(height) * 3, np.arange(width) * 2).astype(np.uint8)


def saved(image: np.ndarray | Image.Image, **options: Any) -> bytes:
    content = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(content, "PNG", **options)
    return content.getvalue()


def by_pillow(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(height: int, width: int, form: tuple[int, ...] = (8, 0, 0, 0, 0)) -> bytes:
    return chunk(b"IHDR", struct.pack(">2I5B", width, height, *form))


def png_of(rows: bytes, height: int, width: int, **form: Any) -> bytes:
    return START + header(height, width, **form) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def plain(image: np.ndarray) -> bytes:
    return png_of(b"".join(b"\0" + row.tobytes() for row in image), *image.shape)


def filtered(image: np.ndarray, kinds: list[int]) -> bytes:
    """Each row by the filter that is named for it, as the standard writes it down."""
    height, width = image.shape
    framed = np.pad(image.astype(int), ((1, 0), (1, 0)))
    rows = b""
    for row, kind in zip(range(height), kinds, strict=True):
        left, above, corner = framed[row + 1, :-1], framed[row, 1:], framed[row, :-1]
        guess = left + above - corner
        off = [abs(guess - left), abs(guess - above), abs(guess - corner)]
        paeth = np.where((off[0] <= off[1]) & (off[0] <= off[2]), left, np.where(off[1] <= off[2], above, corner))
        predicted = [np.zeros(width, int), left, above, (left + above) // 2, paeth][kind]
        rows += bytes([kind]) + ((image[row].astype(int) - predicted) % 256).astype(np.uint8).tobytes()
    return png_of(rows, height, width)


def assert_plain(content: bytes, pixels: np.ndarray) -> None:
    decoded = decode_plain_png(content)
    assert decoded is not None
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, pixels)
    assert np.array_equal(by_pillow(content), pixels)


@pytest.mark.parametrize("draw", [noise, slope])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", FILTERS)
def test_every_filter_gives_what_pillow_gives(kind: str, size: tuple[int, int], draw: Any) -> None:
    image = draw(*size)
    assert_plain(filtered(image, [FILTERS[kind]] * size[0]), image)


@pytest.mark.parametrize("size", SIZES)
def test_rows_of_different_filters_give_what_pillow_gives(size: tuple[int, int]) -> None:
    image = noise(*size)
    assert_plain(filtered(image, [(3 * row + 1) % 5 for row in range(size[0])]), image)


@pytest.mark.parametrize("draw", [noise, slope])
@pytest.mark.parametrize("size", SIZES)
def test_what_pillow_and_opencv_write_is_opened(size: tuple[int, int], draw: Any) -> None:
    image = draw(*size)
    for level in (0, 1, 6, 9):
        content = saved(image, compress_level=level)
        assert np.array_equal(by_pillow(content), image)
        assert_plain(content, image)
        for strategy in range(5):
            flags = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, strategy]
            written = cv2.imencode(".png", image, flags)[1].tobytes()
            decoded = decode_plain_png(written)
            # OpenCV cuts long streams into several chunks, which are not plain.
            assert written.count(b"IDAT") > 1 if decoded is None else np.array_equal(decoded, by_pillow(written))


def test_random_small_images_give_what_pillow_gives() -> None:
    for _ in range(200):
        image = noise(*CHANCE.integers(1, 40, 2))
        assert_plain(saved(image, optimize=True), image)


def with_chunk(kind: bytes, body: bytes) -> bytes:
    content = plain(noise())
    return content[:33] + chunk(kind, body) + content[33:]


def two_streams() -> bytes:
    content = zlib.compress(bytes(29 * 28))
    return START + header(28, 28) + chunk(b"IDAT", content[:9]) + chunk(b"IDAT", content[9:]) + chunk(b"IEND", b"")


def with_stream(stream: bytes) -> bytes:
    return START + header(28, 28) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def wrong_crc(at: int) -> bytes:
    content = bytearray(plain(noise()))
    content[at] ^= 1
    return bytes(content)


def commented() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("who", "me")
    return info


ROWS = bytes(29 * 28)
NOT_PLAIN = {
    "palette": saved(Image.fromarray(noise()).convert("P")),
    "16 bits": saved(noise().astype(np.uint16) * 257),
    "1 bit": saved(Image.fromarray(noise()).convert("1")),
    "colour": saved(np.stack([noise()] * 3, 2)),
    "grey with alpha": saved(Image.fromarray(noise()).convert("LA")),
    "interlaced": png_of(ROWS, 28, 28, form=(8, 0, 0, 0, 1)),
    "unknown compression": png_of(ROWS, 28, 28, form=(8, 0, 1, 0, 0)),
    "unknown kind of filters": png_of(ROWS, 28, 28, form=(8, 0, 0, 1, 0)),
    "unknown filter": png_of(b"\5" + ROWS[1:], 28, 28),
    "transparent grey": with_chunk(b"tRNS", b"\0\0"),
    "gamma": with_chunk(b"gAMA", struct.pack(">I", 45455)),
    "turned": with_chunk(b"eXIf", b"MM\0*"),
    "text": saved(noise(), pnginfo=commented()),
    "two IDAT": two_streams(),
    "two IHDR": with_chunk(b"IHDR", struct.pack(">2I5B", 28, 28, 8, 0, 0, 0, 0)),
    "short IHDR": START + chunk(b"IHDR", b"123") + chunk(b"IDAT", zlib.compress(ROWS)) + chunk(b"IEND", b""),
    "no IDAT": START + header(28, 28) + chunk(b"IEND", b""),
    "IDAT before IHDR": START + chunk(b"IDAT", zlib.compress(ROWS)) + header(28, 28) + chunk(b"IEND", b""),
    "wrong CRC of IHDR": wrong_crc(30),
    "wrong CRC of IDAT": wrong_crc(len(plain(noise())) - 14),
    "a changed pixel": wrong_crc(120),
    "no END": plain(noise())[:-12],
    "too few rows": with_stream(zlib.compress(ROWS[:-1])),
    "a stream without its end": with_stream(zlib.compress(ROWS)[:-4]),
    "a stream with a wrong sum": with_stream(zlib.compress(ROWS)[:-4] + b"abcd"),
    "no stream": with_stream(b"hello"),
    "no pixels": png_of(b"", 0, 28),
    "too large": saved(np.zeros((257, 256), np.uint8)),
    "JPEG": cv2.imencode(".jpg", noise())[1].tobytes(),
    "nothing": b"",
    "only the start": START,
}
MORE_THAN_PIXELS = {
    "garbage in the stream": with_stream(zlib.compress(ROWS) + b"more"),
    "too many rows": with_stream(zlib.compress(ROWS + b"\0")),
    "a bomb": with_stream(zlib.compress(bytes(10_000_000))),
}


@pytest.mark.parametrize("what", NOT_PLAIN)
def test_whatever_is_not_plain_is_left_to_pillow(what: str) -> None:
    assert decode_plain_png(NOT_PLAIN[what]) is None


@pytest.mark.parametrize("what", MORE_THAN_PIXELS)
def test_what_follows_the_pixels_is_ignored_as_pillow_ignores_it(what: str) -> None:
    assert_plain(MORE_THAN_PIXELS[what], np.zeros((28, 28), np.uint8))


def test_the_largest_that_is_opened_gives_what_pillow_gives() -> None:
    image = noise(256, 256)
    assert_plain(plain(image), image)


def test_cut_anywhere_it_is_left_to_pillow() -> None:
    content = plain(noise(5, 5))
    assert [length for length in range(len(content)) if decode_plain_png(content[:length]) is not None] == []


def test_a_changed_byte_anywhere_is_refused_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    content = filtered(noise(6, 6), [0, 1, 2, 3, 4, 0])
    for at in range(len(content)):
        for change in range(1, 256):
            assert decode_plain_png(content[:at] + bytes([content[at] ^ change]) + content[at + 1 :]) is None, at
    assert capfd.readouterr() == ("", "")


def test_a_changed_bit_anywhere_gives_the_same_picture_or_an_error() -> None:
    image = noise(6, 6)
    content = filtered(image, [0, 1, 2, 3, 4, 0])
    refused = 0
    for at in range(len(content)):
        for bit in range(8):
            changed = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            try:
                assert np.array_equal(decode(changed, "it"), image), (at, bit)
            except DataError:
                refused += 1
    assert refused > 0.8 * 8 * len(content)
