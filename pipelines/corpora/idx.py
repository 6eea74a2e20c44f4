"""IDX, the format of MNIST: a magic number, the dimensions, then the bytes.

Read by hand, since torchvision's reader says of a damaged file only that an assertion failed.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.corpora.corpus import SIDE, Split
from pipelines.corpora.labels import as_digits
from pipelines.errors import DataError
from pipelines.files.atomic import write_named

UNSIGNED_BYTE = 0x0800
GZIP_START = b"\x1f\x8b"


@dataclass(frozen=True)
class IdxContent:
    """The decompressed content of a file."""

    file: Path | str
    data: bytes
    cut: bool = False
    """Whether the gzip stream is truncated."""


def read_idx(images: Path, labels: Path) -> Split:
    return parse_idx(read_content(images), read_content(labels))


def parse_idx(images: IdxContent, labels: IdxContent) -> Split:
    pixels = _parse_array(images, dimensions=3)
    digits = _parse_array(labels, dimensions=1)
    if pixels.shape[1:] != (SIDE, SIDE):
        height, width = pixels.shape[1:]
        raise DataError(f"{images.file}: expected images of {SIDE} x {SIDE} pixels, found {height} x {width}.")
    if len(pixels) != len(digits):
        raise DataError(
            f"{labels.file}: expected {len(pixels)} labels, one for each image of {images.file}, found {len(digits)}."
        )
    return Split(pixels, as_digits(digits, labels.file))


def read_content(file: Path) -> IdxContent:
    return unpack(file.read_bytes(), file)


def unpack(data: bytes, file: Path | str) -> IdxContent:
    """Decompress gzip, which is recognized by its first bytes and not by the file's name."""
    return _decompress(data, file) if data.startswith(GZIP_START) else IdxContent(file, data)


def header_size(dimensions: int) -> int:
    return 4 * (1 + dimensions)


def read_shape(content: IdxContent, dimensions: int) -> tuple[int, ...]:
    """The sizes that the header declares; the content needs to hold no more than the header."""
    file, data = content.file, content.data
    if len(data) < header_size(dimensions):
        raise DataError(f"{file}: expected an IDX header of {header_size(dimensions)} bytes, found {len(data)} bytes.")
    magic, *shape = struct.unpack_from(f">{1 + dimensions}I", data)
    expected = UNSIGNED_BYTE | dimensions
    if magic != expected:
        kind = "images" if dimensions == 3 else "labels"
        raise DataError(f"{file}: expected the magic number {expected} of IDX {kind}, found {magic}.")
    return tuple(shape)


def check_length(file: Path | str, shape: tuple[int, ...], length: int) -> None:
    """Check that the decompressed file is as long as its header declares."""
    size, found = math.prod(shape), length - header_size(len(shape))
    if found != size:
        by = " x ".join(map(str, shape))
        raise DataError(f"{file}: expected {size} bytes after the header ({by}), found {found}.")


def check_not_cut(content: IdxContent) -> None:
    if content.cut:
        raise DataError(f"{content.file}: the gzip data lacks its closing checksum; fetch or copy the file again.")


def write_idx(split: Split, images: Path, labels: Path) -> None:
    _write(split.images, images)
    _write(split.labels, labels)


def _decompress(data: bytes, file: Path | str) -> IdxContent:
    parts = []
    while data:
        stream = zlib.decompressobj(wbits=31)
        try:
            parts.append(stream.decompress(data))
        except zlib.error as error:
            raise DataError(f"{file}: the gzip data is damaged ({error}); fetch or copy the file again.") from error
        data = stream.unused_data.lstrip(b"\0")  # some tools pad their output
    return IdxContent(file, b"".join(parts), cut=not stream.eof)


def _parse_array(content: IdxContent, dimensions: int) -> NDArray[np.uint8]:
    shape = read_shape(content, dimensions)
    check_length(content.file, shape, len(content.data))
    check_not_cut(content)
    return np.frombuffer(content.data, np.uint8, offset=header_size(dimensions)).reshape(shape)


def _write(array: NDArray[np.uint8], file: Path) -> None:
    header = struct.pack(f">{1 + array.ndim}I", UNSIGNED_BYTE | array.ndim, *array.shape)
    content = header + array.tobytes()
    # Without a timestamp, the same digits always give the same file.
    write_named(file, gzip.compress(content, compresslevel=6, mtime=0) if file.suffix == ".gz" else content)
