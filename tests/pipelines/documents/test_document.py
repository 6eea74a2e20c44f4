from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image, ImageFile

from pipelines.documents.document import open_document
from pipelines.documents.limits import DEFAULT_LIMITS, Limits
from pipelines.errors import DataError

PAGES = [np.random.default_rng(seed).integers(0, 2, (40, 30)).astype(np.uint8) * 255 for seed in range(3)]
ENCRYPTED = b"""%%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj
4 0 obj<</Filter/Standard/V 1/R 2/P -4/O(%s)/U(%s)>>endobj
trailer<</Root 1 0 R/Encrypt 4 0 R/ID[(a)(a)]/Size 5>>
""" % (b"o" * 32, b"u" * 32)
FILLED_FORM = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]/Annots[4 0 R]>>endobj
4 0 obj<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(1)/Rect[10 10 60 60]/F 4/AP<</N 5 0 R>>>>endobj
5 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 50 50]/Length 17>>stream
0 g 5 5 20 40 re f
endstream endobj
trailer<</Root 1 0 R/Size 6>>
"""
TURNED_EXIF = b"eXIfMM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
TURNED_XMP = b'iTXtXML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
CORRUPT = pytest.mark.filterwarnings("ignore:Corrupt EXIF data")


def saved(page: np.ndarray, kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(page).save(content, kind, **options)
    return content.getvalue()


def fax() -> bytes:
    content = io.BytesIO()
    first, *others = [Image.fromarray(page).convert("1") for page in PAGES]
    first.save(content, "TIFF", compression="group4", save_all=True, append_images=others)
    return content.getvalue()


def pdf(*sizes: tuple[float, float]) -> bytes:
    document = pdfium.PdfDocument.new()
    for size in sizes:
        document.new_page(*size)
    content = io.BytesIO()
    document.save(content)
    return content.getvalue()


def count_pages(content: bytes, limits: Limits = DEFAULT_LIMITS) -> int:
    with open_document(content, "scan 7", limits) as document:
        return len(document)


def open_page(content: bytes, number: int = 0, dpi: int = 200, pixels: int = DEFAULT_LIMITS.pixels) -> np.ndarray:
    with open_document(content, "scan 7", Limits(dpi, pixels)) as document:
        return document.page(number)


def error_of(content: bytes, number: int = 0, dpi: int = 200) -> str:
    with pytest.raises(DataError) as error:
        open_page(content, number, dpi)
    return str(error.value)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_a_picture_is_one_page_with_every_pixel(kind: str) -> None:
    content = saved(PAGES[0], kind)
    assert count_pages(content) == 1
    page = open_page(content, 0)
    assert page.dtype == np.uint8
    assert np.array_equal(page, PAGES[0])


def test_colours_become_grey() -> None:
    colours = np.zeros((8, 8, 3), np.uint8)
    colours[:4] = (250, 20, 20)
    for kind, options in (("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})):
        page = open_page(saved(colours, kind, **options), 0)
        assert page.shape == (8, 8)
        assert np.abs(page[:4].astype(int) - 89).max() <= 3
        assert page[4:].max() <= 3


def test_every_page_of_a_fax() -> None:
    content = fax()
    assert count_pages(content) == 3
    for number, page in enumerate(PAGES):
        assert np.array_equal(open_page(content, number), page)
    assert error_of(content, 3) == "scan 7, page 4: there is no such page; the file has 3."


def test_a_turned_camera_is_turned_back() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG"):
        page = open_page(saved(np.rot90(PAGES[0]), kind, exif=exif), 0)
        assert page.shape == PAGES[0].shape
        assert np.abs(page.astype(int) - PAGES[0]).mean() < 12


@pytest.mark.parametrize("where", [b"IDAT", b"IEND"], ids=["before its pixels", "behind its pixels"])
@pytest.mark.parametrize("note", [TURNED_EXIF, TURNED_XMP], ids=["eXIf", "XMP"])
def test_a_png_is_turned_wherever_it_says_so(note: bytes, where: bytes) -> None:
    content = saved(np.rot90(PAGES[0]), "PNG")
    at = content.index(where) - 4
    chunk = struct.pack(">I", len(note) - 4) + note + struct.pack(">I", zlib.crc32(note))
    assert np.array_equal(open_page(content[:at] + chunk + content[at:], 0), PAGES[0])


def test_a_plain_png_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("Pillow decoded it as well"))
    assert np.array_equal(open_page(saved(PAGES[0], "PNG", dpi=(300, 300)), 0), PAGES[0])


def test_pages_of_a_pdf_at_the_resolution_asked_for() -> None:
    content = pdf((72, 144), (144, 72))
    assert count_pages(content) == 2
    assert open_page(content, 0, dpi=100).shape == (200, 100)
    assert open_page(content, 1, dpi=50).shape == (50, 100)
    assert error_of(content, 2) == "scan 7, page 3: there is no such page; the file has 2."


def test_a_pdf_shows_what_is_printed() -> None:
    content = io.BytesIO()
    drawn = np.full((200, 100), 255, np.uint8)
    cv2.rectangle(drawn, (20, 40), (60, 90), 0, -1)
    Image.fromarray(drawn).save(content, "PDF", resolution=100)
    page = open_page(content.getvalue(), 0, dpi=100)
    assert page.shape == drawn.shape
    assert np.abs(page.astype(int) - drawn).mean() < 5


def test_a_pdf_with_bytes_before_its_header_is_opened() -> None:
    assert open_page(b"From the scanner\r\n" + pdf((72, 72)), 0, dpi=72).shape == (72, 72)


def test_too_large_a_page_is_refused_before_there_is_memory_for_it() -> None:
    refused = "scan 7, page 1: the image has 20,000 x 20,000 pixels, more than the limit of 100,000,000; scale it down."
    assert error_of(pdf((7200, 7200)), dpi=200) == refused


def test_too_many_pages_are_refused() -> None:
    with pytest.raises(DataError, match="scan 7: the file has 3 pages, more than the limit of 2; split it"):
        count_pages(fax(), Limits(pages=2))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", "scan 7: the file is empty.", id="nothing"),
        pytest.param(b"seven", "scan 7: this is no PNG, JPEG, TIFF, BMP or WEBP image.", id="text"),
        pytest.param(ENCRYPTED, "scan 7: the PDF is locked with a password; save it without one.", id="locked"),
        pytest.param(b"%PDF-1.7 and no more", "scan 7: the PDF is damaged (", id="no PDF"),
        pytest.param(pdf((72, 72))[:150], "scan 7: the PDF is damaged (", id="half a PDF"),
        pytest.param(saved(PAGES[0], "PNG")[:-30], "scan 7: the image is damaged (", id="half a PNG"),
        pytest.param(saved(PAGES[0], "JPEG")[:-300], "scan 7: the image is damaged (", id="half a JPEG"),
        pytest.param(fax()[:100], "scan 7: this is no ", id="half a fax", marks=CORRUPT),
    ],
)
def test_what_is_no_page_says_so(content: bytes, sentence: str) -> None:
    assert error_of(content).startswith(sentence)


def test_a_tiff_that_runs_in_a_circle_ends() -> None:
    content = bytearray(saved(PAGES[0], "TIFF"))
    start = struct.unpack_from("<I", content, 4)[0]
    entries = struct.unpack_from("<H", content, start)[0]
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    assert count_pages(bytes(content)) == 1


def test_what_was_filled_in_on_a_computer_is_drawn() -> None:
    """The value of a text field is in its own picture, which is no part of the page's."""
    page = open_page(FILLED_FORM, 0)
    assert (page < 128).sum() > 100


def test_fewer_pixels_may_be_allowed() -> None:
    for content in (saved(PAGES[0], "PNG"), saved(PAGES[0], "TIFF"), pdf((30, 40))):
        with pytest.raises(DataError, match="pixels"):
            open_page(content, 0, pixels=1_000)
