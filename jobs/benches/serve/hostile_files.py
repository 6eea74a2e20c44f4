"""Small files that are very expensive to read, each made by a few lines."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image

PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R%s>>"


def endless_tree(levels: int = 60) -> bytes:
    """A page tree in which each level names the next one twice, and the last is empty: 2^60 nodes to count."""
    kids = [b"<</Type/Pages/Kids[%d 0 R %d 0 R]>>" % (at, at) for at in range(3, levels + 3)]
    return _pdf(b"<</Type/Catalog/Pages 2 0 R>>", *kids, b"<</Type/Pages/Kids[]>>")


def long_stream(mib: int = 360) -> bytes:
    """A page whose content unpacks to far more than it takes in the file."""
    return _one_page(b"", _packed(b"0 0 m 9 9 l S\n" * (mib * 2**20 // 14)))


def image_bomb(side: int = 7000, times: int = 200) -> bytes:
    """A page that shows one large image over and over."""
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8" % (side, side)
    shows = b"q 595 0 0 842 0 0 cm /I Do Q\n" * times
    return _one_page(b"/Resources<</XObject<</I 5 0 R>>>>", _packed(shows), _packed(bytes(side * side), head))


def large_picture(width: int, height: int, mode: str = "L") -> bytes:
    """A PNG of one colour, which takes far more memory than its file takes on disk."""
    content = io.BytesIO()
    bands = (len(mode),) if len(mode) > 1 else ()
    Image.fromarray(np.full((height, width, *bands), 200, np.uint8), mode).save(content, "PNG")
    return content.getvalue()


def _one_page(resources: bytes, *others: bytes) -> bytes:
    tree = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    return _pdf(b"<</Type/Catalog/Pages 2 0 R>>", tree, PAGE % resources, *others)


def _packed(content: bytes, head: bytes = b"") -> bytes:
    packed = zlib.compress(content, 9)
    return b"<<%s/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (head, len(packed), packed)


def _pdf(*objects: bytes) -> bytes:
    content, places = b"%PDF-1.4\n", [b"0000000000 65535 f \n"]
    for number, one in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    size = len(places)
    table = b"xref\n0 %d\n%s" % (size, b"".join(places))
    return b"%s%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (content, table, size, len(content))
