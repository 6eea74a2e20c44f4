"""Digits with known answers, each a picture that no other item has, and their way into a watched folder."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jobs.benches.batch.inputs import digits
from pipelines.inference.outcome import Status
from pipelines.inference.recognizer import Recognizer
from pipelines.labeling.inputs.base import decoded
from tests.streaming.places import Goods

ENGINE = "onnxruntime"
"""In fp32, where an answer does not depend on what is read beside it."""
VERSIONS = 10
"""One of so many items is a new version of an earlier one."""
TOGETHER = 1_000


def pictures(count: int, seed: int) -> list[bytes]:
    """Digits as PNG, with their number in each, so that no two have the same content."""
    return [_png(image, number) for number, image in enumerate(digits(count, seed))]


def keys(count: int) -> list[str]:
    """Items in the order of delivery; those that are new versions have the key of one that is long done."""
    return [f"{number if number % VERSIONS else number // 2:07d}.png" for number in range(count)]


def goods(count: int, seed: int) -> Goods:
    contents = pictures(count, seed)
    return Goods(contents, dict(_answers(contents)))


def _answers(contents: Sequence[bytes]) -> Iterator[tuple[str, tuple[str | None, str]]]:
    """What a reader that nobody disturbs makes of them."""
    with Recognizer("builtin", ENGINE) as reader:
        for start in range(0, len(contents), TOGETHER):
            some = contents[start : start + TOGETHER]
            items = decoded(0, "", np.zeros(len(some), np.int64), iter(some))
            reading = reader.read(items.images)
            for content, label, sure in zip(some, reading.labels.tolist(), reading.confidences, strict=True):
                value = None if label == "none" else label
                doubtful = value is None or sure < (reader.accepted_above or 0)
                yield digest_of(content), (value, Status.REVIEW if doubtful else Status.OK)


def digest_of(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def land(folder: Path, name: str, content: bytes) -> bool:
    """By rename, as programs should; not while an earlier version is there, which nobody may have read yet."""
    if (folder / name).exists():
        return False
    draft = folder / f".{name}"
    draft.write_bytes(content)
    draft.rename(folder / name)
    return True


def _png(image: np.ndarray, number: int) -> bytes:
    words, content = PngInfo(), io.BytesIO()
    words.add_text("number", str(number))
    Image.fromarray(image).save(content, "PNG", pnginfo=words)
    return content.getvalue()
