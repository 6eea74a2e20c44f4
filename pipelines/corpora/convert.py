"""Converts corpora from one format to another, pixel for pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipelines.corpora.corpus import Corpus
from pipelines.corpora.folders import write_folder
from pipelines.corpora.idx import write_idx
from pipelines.corpora.parquet import write_parquet
from pipelines.corpora.specs import FORMATS, NAMED, load_corpus, parse_paths
from pipelines.errors import UsageError
from pipelines.files.atomic import refuse_existing

SplitName = Literal["train", "test"]


def convert(source: str, target: str, part: SplitName | None = None, overwrite: bool = False) -> Corpus:
    """Read the corpus `source`, write it or one split of it to `target`, and return what was written."""
    kind, paths = _parse_target(target)
    for path in paths:
        refuse_existing(path, overwrite)
    corpus = _only(load_corpus(source), part) if part else load_corpus(source)
    _write(corpus, kind, paths)
    return corpus


def _parse_target(target: str) -> tuple[str, list[Path]]:
    if target in NAMED:
        raise UsageError(f"{target!r} can only be read; write to one of {', '.join(FORMATS.values())}.")
    kind, paths = parse_paths(target)
    if len(set(paths)) < len(paths):
        raise UsageError(f"Images and labels cannot both be written to {paths[0]}.")
    return kind, paths


def _only(corpus: Corpus, part: SplitName) -> Corpus:
    split = corpus.train if part == "train" else corpus.test
    if split is None:
        raise UsageError(f"The corpus {corpus.name!r} has no test split; take the whole of it.", option="split")
    return Corpus(corpus.name, split, None)


def _write(corpus: Corpus, kind: str, paths: list[Path]) -> None:
    if kind == "folder":
        write_folder(corpus, paths[0])
    elif kind == "parquet":
        write_parquet(corpus, paths[0])
    elif corpus.test is not None:
        raise UsageError(f"IDX files hold one split and {corpus.name!r} has two; choose train or test.", option="split")
    else:
        write_idx(corpus.train, *paths)
