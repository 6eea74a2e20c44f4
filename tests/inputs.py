"""Places full of digits, as the tests of labelling read them."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pipelines.documents.limits import Limits
from pipelines.forms.template import Template
from pipelines.inference.outcome import Reason
from pipelines.labeling.forms.pages import list_scans
from pipelines.labeling.inputs import Items, list_input
from pipelines.labeling.inputs.base import ALL, FoundInput


def png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def members(images: Sequence[np.ndarray]) -> dict[str, bytes]:
    return {f"{index:05d}.png": png(image) for index, image in enumerate(images)}


def folder_of(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


Files = Mapping[str, bytes] | Sequence[tuple[str, bytes]]


def _listed(files: Files) -> Sequence[tuple[str, bytes]]:
    return list(files.items()) if isinstance(files, Mapping) else files


def zip_of(path: Path, files: Files, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in _listed(files):
            archive.writestr(name, content)
    return path


def tar_of(path: Path, files: Files) -> Path:
    with tarfile.open(path, "w:" + path.suffix.removeprefix(".").replace("tar", "")) as archive:  # type: ignore[call-overload]
        for name, content in _listed(files):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def idx_bytes(images: np.ndarray) -> bytes:
    return b"\x00\x00\x08\x03" + b"".join(size.to_bytes(4, "big") for size in images.shape) + images.tobytes()


def tensors(images: np.ndarray) -> pa.Array:
    return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(images))


def pixel_lists(images: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(images.ravel()), int(np.prod(images.shape[1:])))


def table_of(path: Path, row_group_size: int | None = None, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


def flip(path: Path, start: int, length: int = 16) -> Path:
    """Damage what lies there."""
    content = bytearray(path.read_bytes())
    for at in range(start, start + length):
        content[at] ^= 0xFF
    path.write_bytes(content)
    return path


def touch_later(path: Path) -> None:
    changed = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(changed, changed))


class Memory:
    """Keeps what a run knows of its input."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> None:
        self.contents[name] = content

    def get(self, name: str) -> bytes | None:
        return self.contents.get(name)


class Spread:
    """Does the work in here, and counts the pieces."""

    def __init__(self) -> None:
        self.things = 0

    def __call__(self, do: Callable[[Any], Any], things: Iterable[Any]) -> Iterator[Any]:
        for thing in things:
            self.things += 1
            yield do(thing)


def find_input(place: str, column: str | None = None) -> FoundInput:
    return list_input(place, column).found(Memory(), map)


def find_pages(place: str, templates: Sequence[Template], limits: Limits) -> FoundInput:
    return list_scans(place, templates, limits).found(Memory(), map)


def shape_of(found: FoundInput) -> list[tuple[int, tuple[int, ...]]]:
    """The number of the first shard of each task, and the sizes of its shards."""
    return [(task.first, task.sizes) for task in found.tasks]


def read(found: FoundInput, wanted: Collection[int] | None = None, only: slice = ALL) -> list[Items]:
    """The wanted shards, or all."""
    shards = [shard for task in found.tasks for shard in task.shards]
    chosen = shards if wanted is None else wanted
    return [items for task in found.tasks for items in found.input.read(task, chosen, only)]


def pixels(found: FoundInput) -> np.ndarray:
    return np.concatenate([items.images for items in read(found)])


def reasons(found: FoundInput) -> list[str | None]:
    return [reason and reason.text for reason in _reasons(found)]


def reason_codes(found: FoundInput) -> set[str]:
    return {reason.code for reason in _reasons(found) if reason}


def _reasons(found: FoundInput) -> list[Reason | None]:
    return [reason for items in read(found) for reason in items.reasons or [None] * len(items)]


def sources(found: FoundInput) -> list[tuple[str, int]]:
    """Source and number of every item, as they are read."""
    told = []
    for items in read(found):
        names = [items.sources] * len(items) if isinstance(items.sources, str) else items.sources
        told += list(zip(names, items.numbers.tolist(), strict=True))
    return told


def names(found: FoundInput) -> list[tuple[str, int]]:
    """The same without reading them."""
    return [
        found.input.name(task, shard, index)
        for task in found.tasks
        for shard in task.shards
        for index in range(task.size(shard))
    ]
