"""MNIST: four files with known content, downloaded if they are missing."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.corpora.corpus import Corpus, Split
from pipelines.corpora.idx import IdxContent, parse_idx, read_content
from pipelines.errors import DataError

if TYPE_CHECKING:
    from pipelines.corpora.download import Source

# These are hashes of the uncompressed files, since gzip can pack the same content in many ways.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load_mnist(folder: Path, source: Source | None = None) -> Corpus:
    fetch_mnist(folder, source)
    return Corpus("mnist", _read_split(folder, "train"), _read_split(folder, "t10k"))


def fetch_mnist(folder: Path, source: Source | None = None) -> list[str]:
    """Download the files that `folder` lacks, and return their names."""
    missing = [f"{name}.gz" for name in SHA256 if not _file(folder, name).is_file()]
    if not missing:
        return []
    # Every worker of a labelling run imports this module, and none downloads.
    from pipelines.corpora.download import fetch_files

    try:
        fetch_files(missing, folder, source or torchvision_source())
    except DataError as error:
        raise DataError(
            f"MNIST is not in {folder} and could not be downloaded ({error}). Put {', '.join(missing)} there, "
            "from a machine that has a network, or take the corpus builtin."
        ) from error
    return missing


def torchvision_source() -> Source:
    # Only a download needs torchvision, which takes seconds to import.
    from torchvision.datasets import MNIST

    from pipelines.corpora.download import Source

    return Source(tuple(MNIST.mirrors), dict(MNIST.resources))


def _file(folder: Path, name: str) -> Path:
    raw = folder / name
    return raw if raw.is_file() else folder / f"{name}.gz"


def _read_split(folder: Path, part: str) -> Split:
    images, labels = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    return parse_idx(_published(_file(folder, images), images), _published(_file(folder, labels), labels))


def _published(file: Path, name: str) -> IdxContent:
    """The file's content, checked before it is parsed: parse errors of a damaged file would not say how to fix it."""
    with suppress(DataError):
        content = read_content(file)
        if not content.cut and hashlib.sha256(content.data).hexdigest() == SHA256[name]:
            return content
    raise DataError(
        f"{file} is not the {name} of MNIST: it is damaged, or holds something else. Delete it to have it fetched "
        "anew, or, if it is meant so, name it by `idx:IMAGES,LABELS`."
    )
