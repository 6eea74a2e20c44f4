"""Loads corpora by their short names: mnist, builtin, idx:IMAGES,LABELS, folder:PATH, parquet:PATH."""

from __future__ import annotations

from pathlib import Path

from pipelines.corpora.builtin import load_builtin
from pipelines.corpora.corpus import Corpus
from pipelines.corpora.folders import read_folder
from pipelines.corpora.idx import read_idx
from pipelines.corpora.mnist import load_mnist
from pipelines.corpora.parquet import read_parquet
from pipelines.errors import DataError, UnknownName, UsageError
from pipelines.files import paths as places

FORMATS = {"idx": "idx:IMAGES,LABELS", "folder": "folder:PATH", "parquet": "parquet:PATH"}
NAMED = ("mnist", "builtin")


def load_corpus(spec: str, data_folder: Path | None = None) -> Corpus:
    """Read the corpus that `spec` names; MNIST is kept in `data_folder`, by default INKRAY_DATA."""
    if spec == "builtin":
        return load_builtin()
    if spec == "mnist":
        return load_mnist((data_folder or places.data()) / "mnist")
    kind, paths = parse_paths(spec)
    for path in paths:
        _refuse_missing(path, kind, spec)
    try:
        corpus = _read(kind, paths, spec)
    except OSError as error:
        raise DataError(f"Cannot read {error.filename}: {error.strerror}.") from error
    if not len(corpus.train):
        raise DataError(f"The corpus {spec!r} holds no images to train on.")
    return corpus


def parse_paths(spec: str) -> tuple[str, list[Path]]:
    """Split `folder:PATH` and the like into the format and its paths."""
    kind, _, rest = spec.partition(":")
    if kind not in FORMATS:
        raise UnknownName("corpus", spec, [*NAMED, *FORMATS.values()])
    parts = rest.split(",") if kind == "idx" else [rest]
    if not all(parts) or len(parts) != (2 if kind == "idx" else 1):
        raise UsageError(f"The corpus {spec!r} is not complete; write {FORMATS[kind]}.")
    return kind, [places.expanded(part) for part in parts]


def _refuse_missing(path: Path, kind: str, spec: str) -> None:
    found, expected = {
        "idx": (path.is_file(), "file"),
        "folder": (path.is_dir(), "folder"),
        "parquet": (path.exists(), "file or folder"),
    }[kind]
    if not found:
        raise UsageError(f"There is no {expected} {path}; check the path in {spec!r}.")


def _read(kind: str, paths: list[Path], spec: str) -> Corpus:
    if kind == "idx":
        return Corpus(spec, read_idx(*paths), None)
    return (read_folder if kind == "folder" else read_parquet)(paths[0], spec)
