"""Safe decoding of image files: whatever the bytes are, the result is pixels or a DataError."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin, UnidentifiedImageError

from pipelines.errors import DataError, first_line
from pipelines.images.levels import to_bytes
from pipelines.images.plain_png import decode_plain_png

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
MANY_PAGED = ("TIFF", "WEBP", "PNG")
SUBFILE_TYPE, REDUCED = 254, 1
MAX_PIXELS = 100_000_000
"""A4 at 800 dpi has 62 million."""
MAX_SIDE = 40_000
"""A0 at 800 dpi has 37,500. Anything longer is a narrow strip, which costs many times its own memory to decode."""
PAPER = 255
STRIP_PIXELS = 1 << 20
PNG_END = b"IEND\xaeB`\x82"

Pixels = NDArray[np.uint8]
Found = TypeVar("Found")


def decode(content: bytes, where: object, max_pixels: int = MAX_PIXELS, page: int = 0, alone: bool = False) -> Pixels:
    """Decode one page of an image file, the first by default: grey [H, W] or RGB [H, W, 3], upright, on white.

    With `alone`, a file of several pages is refused.
    """
    plain = decode_plain_png(content)
    if plain is not None and plain.size <= max_pixels:
        return plain

    def pixels(image: ImageFile.ImageFile) -> Pixels:
        if alone and (pages := _without_previews(image)) > 1:
            raise DataError(f"{where}: the file has {pages:,} pages; save each as a file of its own.")
        if page:
            image.seek(page)
        check_size(image.size, where, max_pixels)
        # Pillow is content with a PNG whose pixels are all there, though nothing shows that they are right.
        if image.format == "PNG" and PNG_END not in content:
            raise DataError(f"{where}: the image is damaged (its end is missing).")
        return _to_pixels(image)

    return inspect(content, where, pixels, max_pixels)


def inspect(
    content: bytes, where: object, look: Callable[[ImageFile.ImageFile], Found], max_pixels: int = MAX_PIXELS
) -> Found:
    """Call `look` with the file opened but not yet decoded; raises a DataError if the file is damaged."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return look(image)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: this is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image.") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{where}: the image claims more pixels than the limit of {max_pixels:,}.") from error
    except Exception as error:
        # Pillow's decoders answer bytes that lie with whatever they stumble over: OSError, SyntaxError, struct.error,
        # KeyError, OverflowError, RuntimeError...
        raise DataError(f"{where}: the image is damaged ({first_line(error)}).") from error


def count_pages(image: ImageFile.ImageFile) -> int:
    """The pages of a TIFF, the frames of a WebP or PNG; all others have one, whatever previews a camera added."""
    return int(getattr(image, "n_frames", 1)) if image.format in MANY_PAGED else 1


def _without_previews(image: ImageFile.ImageFile) -> int:
    """The pages that are no smaller copy of another, as scanners and editors add to a TIFF."""
    pages = count_pages(image)
    if pages == 1 or not isinstance(image, TiffImagePlugin.TiffImageFile):
        return pages
    kinds = []
    for page in range(pages):
        image.seek(page)
        kinds.append(int(image.tag_v2.get(SUBFILE_TYPE, 0)))
    image.seek(0)
    return sum(not kind & REDUCED for kind in kinds)


def check_size(size: tuple[int, int], where: object, max_pixels: int = MAX_PIXELS) -> None:
    width, height = size
    if max(size) > MAX_SIDE:
        raise DataError(
            f"{where}: the image has {width:,} x {height:,} pixels, and a side may have {MAX_SIDE:,}; cut or scale it."
        )
    if width * height > max_pixels:
        raise DataError(
            f"{where}: the image has {width:,} x {height:,} pixels, more than the limit of {max_pixels:,}; "
            "scale it down."
        )


def _to_pixels(image: Image.Image) -> Pixels:
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return to_bytes(np.asarray(image))
    if image.has_transparency_data:
        return _on_paper(image)
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    colours = np.asarray(image.convert("RGB"))
    # A grey palette, or a grey page saved as colour, is grey: a third of the work for all that follows.
    return colours[..., 0] if _is_grey(colours) else colours


def _on_paper(image: Image.Image) -> Pixels:
    width, height = image.size
    colours = np.empty((height, width, 3), np.uint8)
    # In strips, since the copies that this makes take many times the memory of the picture.
    step = max(1, STRIP_PIXELS // width)
    for top in range(0, height, step):
        see_through = image.crop((0, top, width, min(top + step, height))).convert("RGBA")
        paper = Image.new("RGBA", see_through.size, (PAPER, PAPER, PAPER, 255))
        colours[top : top + step] = np.asarray(Image.alpha_composite(paper, see_through).convert("RGB"))
    return colours[..., 0] if _is_grey(colours) else colours


def _is_grey(colours: Pixels) -> bool:
    red, green, blue = colours[..., 0], colours[..., 1], colours[..., 2]
    return np.array_equal(red, green) and np.array_equal(green, blue)
