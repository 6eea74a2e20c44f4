from __future__ import annotations

import io
import resource
import struct
import time
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import DataError
from pipelines.images import decode

GREY = np.add.outer(np.arange(24) * 5, np.arange(16) * 7).astype(np.uint8)
COLOURS = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)
BLACK_AND_WHITE = np.where(GREY > 100, 255, 0).astype(np.uint8)


def saved(image: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(content, format=kind, **options)
    return content.getvalue()


def bits(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels).convert("1")


def error_of(content: bytes, **limits: int) -> str:
    with pytest.raises(DataError) as error:
        decode(content, "page 3", **limits)
    return str(error.value)


def claiming(width: int, height: int) -> bytes:
    """A PNG of so many pixels by its header, with data for none of them."""
    header = b"IHDR" + struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    end = struct.pack(">I", zlib.crc32(header)) + struct.pack(">I", 9) + b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + end


@pytest.mark.parametrize(
    ("content", "pixels"),
    [
        pytest.param(saved(bits(BLACK_AND_WHITE), "PNG"), BLACK_AND_WHITE, id="PNG of 1 bit"),
        pytest.param(saved(GREY, "PNG"), GREY, id="PNG of 8 bits"),
        pytest.param(saved(GREY * np.uint16(257), "PNG"), GREY, id="PNG of 16 bits"),
        pytest.param(saved(COLOURS, "PNG"), COLOURS, id="PNG in colour"),
        pytest.param(saved(bits(BLACK_AND_WHITE), "TIFF", compression="group4"), BLACK_AND_WHITE, id="TIFF of a fax"),
        pytest.param(saved(GREY, "TIFF", compression="tiff_lzw"), GREY, id="TIFF of 8 bits"),
        pytest.param(saved(GREY * np.uint16(257), "TIFF"), GREY, id="TIFF of 16 bits"),
        pytest.param(saved((GREY / 255).astype(np.float32), "TIFF"), GREY, id="TIFF of floats"),
        pytest.param(saved(COLOURS, "TIFF"), COLOURS, id="TIFF in colour"),
        pytest.param(saved(bits(BLACK_AND_WHITE), "BMP"), BLACK_AND_WHITE, id="BMP of 1 bit"),
        pytest.param(saved(GREY, "BMP"), GREY, id="BMP of 8 bits"),
        pytest.param(saved(COLOURS, "BMP"), COLOURS, id="BMP in colour"),
        pytest.param(saved(COLOURS, "WEBP", lossless=True), COLOURS, id="WebP in colour"),
    ],
)
def test_every_pixel_comes_back(content: bytes, pixels: np.ndarray) -> None:
    found = decode(content, "page 3")
    assert found.dtype == np.uint8
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize(
    ("content", "pixels"),
    [
        pytest.param(saved(GREY, "JPEG", quality=95), GREY, id="grey"),
        pytest.param(saved(COLOURS, "JPEG", quality=95, subsampling=0), COLOURS, id="RGB"),
        pytest.param(saved(Image.fromarray(COLOURS).convert("CMYK"), "JPEG", quality=95), COLOURS, id="CMYK"),
    ],
)
def test_a_jpeg_comes_back_nearly(content: bytes, pixels: np.ndarray) -> None:
    found = decode(content, "page 3")
    assert (found.dtype, found.shape) == (np.uint8, pixels.shape)
    assert np.abs(found.astype(int) - pixels).max() <= 6


def test_a_palette_is_looked_up() -> None:
    pixels = np.array([[[255, 0, 0], [0, 0, 255]], [[0, 0, 255], [10, 10, 10]]], np.uint8)
    assert np.array_equal(decode(saved(Image.fromarray(pixels).quantize(4), "PNG"), "page 3"), pixels)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP"])
def test_a_grey_page_saved_as_colour_is_grey(kind: str) -> None:
    content = saved(np.stack([GREY] * 3, axis=2), kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(decode(content, "page 3"), GREY)


def test_a_grey_palette_is_grey() -> None:
    assert np.array_equal(decode(saved(Image.fromarray(GREY).convert("P"), "PNG"), "page 3"), GREY)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_what_is_transparent_shows_white_paper(kind: str) -> None:
    pixels = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    found = decode(saved(pixels, kind, **options), "page 3")
    assert found.tolist() == [[[200, 0, 0], [255, 255, 255], [204, 204, 204]]]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_grey_ink_on_nothing_is_grey_ink_on_white_paper(mode: str) -> None:
    picture = Image.fromarray(np.array([[[100, 255], [100, 0], [0, 51]]], np.uint8), "LA").convert(mode)
    assert decode(saved(picture, "PNG"), "page 3").tolist() == [[100, 255, 204]]


def test_the_transparent_colour_of_a_palette_is_white_paper() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([9, 9, 9, 7, 7, 7])
    picture.putpixel((1, 0), 1)
    assert decode(saved(picture, "PNG", transparency=1), "page 3").tolist() == [[9, 255]]


# As the camera stores what is upright, by the places of the stored picture's first row and column.
STORED = {
    1: COLOURS,
    2: np.fliplr(COLOURS),
    3: np.rot90(COLOURS, 2),
    4: np.flipud(COLOURS),
    5: COLOURS.swapaxes(0, 1),
    6: np.rot90(COLOURS),
    7: np.rot90(COLOURS, 2).swapaxes(0, 1),
    8: np.rot90(COLOURS, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_turned_camera_is_turned_back(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    found = decode(saved(np.ascontiguousarray(STORED[orientation]), kind, exif=exif, **options), "page 3")
    assert found.shape == COLOURS.shape
    assert np.abs(found.astype(int) - COLOURS).max() <= (6 if kind == "JPEG" else 0)


def test_the_first_page_of_several_is_read() -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(GREY[::-1])]
    assert np.array_equal(decode(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "page 3"), GREY)


def test_too_many_pixels_are_refused_at_the_limit() -> None:
    content = saved(GREY, "PNG")
    assert decode(content, "page 3", max_pixels=24 * 16).shape == (24, 16)
    assert error_of(content, max_pixels=24 * 16 - 1) == (
        "page 3: the image has 16 x 24 pixels, more than the limit of 383; scale it down."
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("side", "sentence"),
    [
        (12_000, "the image has 12,000 x 12,000 pixels, more than the limit of 100,000,000; scale it down."),
        (60_000, "the image claims more pixels than the limit of 100,000,000."),
    ],
)
def test_an_enormous_header_is_refused_before_there_is_any_memory_for_it(side: int, sentence: str) -> None:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    tracemalloc.start()
    try:
        assert error_of(claiming(side, side)) == f"page 3: {sentence}"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"seven\n", id="text"),
        pytest.param(bytes(1000), id="zeros"),
        pytest.param(saved(GREY, "GIF"), id="GIF"),
        pytest.param(saved(GREY, "PPM"), id="PPM"),
        pytest.param(claiming(0, 7), id="no pixels"),
    ],
)
def test_another_kind_of_file_is_refused(content: bytes) -> None:
    assert error_of(content) == "page 3: this is no PNG, JPEG, TIFF, BMP or WEBP image."


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_half_a_file_is_refused(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)
    content = saved(noise, kind)
    sentence = error_of(content[: len(content) // 2])
    assert sentence.startswith("page 3: the image is damaged (")
    assert sentence.endswith(".")
    assert "\n" not in sentence
