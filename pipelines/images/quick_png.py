"""A decoder for small grey PNGs, as in many data sets; several times as fast as a general one."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

START = b"\x89PNG\r\n\x1a\n"
GREY = [8, 0, 0, 0, 0]
"""The fields of IHDR: 8 bits, no colour, the only compression and filter methods there are, not interlaced."""
LARGEST = 1 << 16
"""Maximum number of pixels; for larger images the cost of opening the file hardly matters."""


def quick_png(content: bytes) -> NDArray[np.uint8] | None:
    """The pixels of a whole, plain, small, 8-bit grey PNG; None for any other file, whatever is wrong with it."""
    chunks = _chunks(content)
    if chunks is None or len(chunks.get(b"IHDR", b"")) != 13 or b"IDAT" not in chunks:
        return None
    width, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if form != GREY or not 0 < width * height <= LARGEST:
        return None
    try:
        unpacker = zlib.decompressobj()
        rows = unpacker.decompress(chunks[b"IDAT"], height * (width + 1) + 1)
    except zlib.error:
        return None
    if len(rows) != height * (width + 1) or not unpacker.eof or unpacker.unused_data:
        return None
    filtered = np.frombuffer(rows, np.uint8).reshape(height, width + 1)
    if not filtered[:, 0].any():
        return filtered[:, 1:]
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    return None if decoded is None or decoded.shape != (height, width) else np.asarray(decoded, np.uint8)


def _chunks(content: bytes) -> dict[bytes, bytes] | None:
    """The chunks by type; None if the file is damaged or has any chunk but those of its pixels."""
    if not content.startswith(START):
        return None
    found: dict[bytes, bytes] = {}
    at = len(START)
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        body = content[at + 8 : at + 8 + length]
        checksum = content[at + 8 + length : at + 12 + length]
        if len(checksum) != 4 or zlib.crc32(kind + body) != int.from_bytes(checksum, "big"):
            return None
        if kind == b"IEND":
            return found
        if kind not in (b"IHDR", b"IDAT") or kind in found or (kind == b"IDAT" and not found):
            return None
        found[kind] = body
        at += 12 + length
    return None
