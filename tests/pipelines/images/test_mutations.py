"""Whatever the bytes and whatever the pixels, the answer is an image or a DataError."""

from __future__ import annotations

import io
import resource
import struct
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from pipelines.drawing.pen import draw_digit
from pipelines.errors import DataError
from pipelines.images import decode, to_model_input
from pipelines.images.digits import is_prepared

BATCHES, BATCH = 100, 100
MAX_PIXELS = 1_000_000
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
Random = np.random.Generator


def saved(mode: str, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(draw_digit(3, np.random.default_rng(3))).convert(mode).save(content, format=kind, **options)
    return content.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


SEEDS = [
    *(saved(mode, "PNG", exif=turned()) for mode in ("1", "L", "I;16", "P", "LA", "RGB", "RGBA")),
    *(saved(mode, "JPEG", exif=turned()) for mode in ("L", "RGB", "CMYK")),
    saved("RGB", "JPEG", progressive=True),
    *(saved("1", "TIFF", compression=how) for how in ("group3", "group4", "packbits")),
    *(saved("L", "TIFF", compression=how) for how in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg")),
    *(saved(mode, "TIFF", exif=turned()) for mode in ("I;16", "F", "RGBA", "CMYK")),
    *(saved(mode, "BMP") for mode in ("1", "L", "RGB", "RGBA")),
    saved("RGB", "WEBP"),
    saved("RGBA", "WEBP", lossless=True, exif=turned()),
]


def flip(content: bytes, random: Random) -> bytes:
    flipped = np.frombuffer(content, np.uint8).copy()
    places = random.integers(len(content), size=random.integers(1, 9))
    flipped[places] ^= random.integers(1, 256, len(places)).astype(np.uint8)
    return flipped.tobytes()


def cut(content: bytes, random: Random) -> bytes:
    start, end = np.sort(random.integers(len(content) + 1, size=2))
    return content[:end] if random.random() < 0.5 else content[:start] + content[end:]


def insert(content: bytes, random: Random) -> bytes:
    place = random.integers(len(content) + 1)
    return content[:place] + random.bytes(random.integers(1, 65)) + content[place:]


def exaggerate(content: bytes, random: Random) -> bytes:
    # Sizes and offsets are told at the head of the file.
    place = random.integers(min(len(content), 256) if random.random() < 0.5 else len(content))
    extreme = struct.pack(random.choice(["<I", ">I"]), random.choice(EXTREMES))
    return (content[:place] + extreme + content[place + 4 :])[: max(len(content), place + 4)]


def splice(content: bytes, random: Random) -> bytes:
    other = SEEDS[random.integers(len(SEEDS))]
    return content[: random.integers(len(content) + 1)] + other[random.integers(len(other)) :]


def with_checksums(content: bytes) -> bytes:
    """A PNG as a liar would write it, so that what was changed is looked at."""
    mended, place = bytearray(content), 8
    while place + 12 <= len(content):
        end = place + 8 + int.from_bytes(content[place : place + 4], "big")
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(content[place + 4 : end])) if end < len(content) else b""
        place = end + 4
    return bytes(mended)


MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (flip, cut, insert, exaggerate, splice)


def mutated(random: Random) -> bytes:
    content = SEEDS[random.integers(len(SEEDS))]
    for _ in range(random.integers(1, 4)):
        content = MUTATIONS[random.integers(len(MUTATIONS))](content, random) or b"\0"
    return with_checksums(content) if content.startswith(b"\x89PNG") and random.random() < 0.7 else content


def is_image_or_refused(content: bytes) -> bool:
    started = time.process_time()
    try:
        pixels = decode(content, "page 3", MAX_PIXELS)
    except DataError as error:
        assert str(error).startswith("page 3: ")
        return False
    finally:
        assert time.process_time() - started < 3
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 2 or pixels.shape[2:] == (3,)
    assert 1 <= pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS
    return True


def test_every_seed_is_an_image() -> None:
    assert all(is_image_or_refused(content) for content in SEEDS)


@pytest.mark.filterwarnings("ignore")
def test_ten_thousand_damaged_files_are_images_or_refused_and_take_little_time_and_memory() -> None:
    images: list[bool] = []
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(max_examples=BATCHES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 2**64 - 1))
    def read_a_batch(seed: int) -> None:
        random = np.random.default_rng(seed)
        images.extend([is_image_or_refused(mutated(random)) for _ in range(BATCH)])

    read_a_batch()
    assert len(images) >= BATCHES * BATCH
    assert 0.1 < np.mean(images) < 0.9
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 300 << 10


sides = st.integers(1, 200)
dtypes = st.sampled_from(["uint8", "uint16", "bool", "float32", "float64"])


def ranged(pixels: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "bool":
        return pixels >= 128
    return (pixels * {"uint8": 1.0, "uint16": 257.0}.get(dtype, 1 / 255)).astype(dtype)


@st.composite
def scribbles(draw: st.DrawFn) -> np.ndarray:
    """Anything that may be sent for a digit: noise, dots, a stretched digit, a flat field."""
    height, width = draw(sides), draw(sides)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    digit = Image.fromarray(draw_digit(int(random.integers(10)), random))
    pixels = draw(
        st.sampled_from(
            [
                random.integers(0, 256, (height, width)),
                (random.random((height, width)) < 0.02) * 255,
                np.asarray(digit.resize((width, height))),
                np.full((height, width), random.integers(256)),
            ]
        )
    ).astype(np.uint8)
    polarity = pixels if draw(st.booleans()) else 255 - pixels
    coloured = np.stack([polarity] * 3, axis=2) if draw(st.booleans()) else polarity
    return ranged(coloured, draw(dtypes))


def assert_prepared_for_good(images: list[np.ndarray]) -> None:
    prepared = to_model_input(images)
    assert (prepared.dtype, prepared.shape) == (np.uint8, (len(images), 28, 28))
    assert is_prepared(prepared).all()
    assert np.array_equal(to_model_input(prepared), prepared)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(scribbles(), min_size=1, max_size=4))
def test_whatever_is_prepared_stays_so(images: list[np.ndarray]) -> None:
    assert_prepared_for_good(images)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(dtypes.flatmap(lambda dtype: arrays(dtype, st.tuples(st.integers(1, 40), st.integers(1, 40)))))
def test_whatever_numbers_are_pixels(image: np.ndarray) -> None:
    assert_prepared_for_good([image])
