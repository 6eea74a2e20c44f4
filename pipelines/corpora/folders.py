"""Folders of PNG digits.

A folder is either labelled by its sub-folders, 0/ to 9/, or by a labels.csv with the columns `file` and `label` (or
`digit`). We write the latter, since it keeps the order. If there are train/ and test/, each of them is such a folder.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipelines.corpora.corpus import Corpus, Split
from pipelines.corpora.png import decode_png, encode_png
from pipelines.errors import DataError, UsageError
from pipelines.files.atomic import atomic_folder

LABELS = "labels.csv"
CLASSES = tuple("0123456789")

Labelled = tuple[Path, int]


def read_folder(folder: Path, name: str) -> Corpus:
    train, test = folder / "train", folder / "test"
    if train.is_dir():
        return Corpus(name, _read_split(train), _read_split(test) if test.is_dir() else None)
    if test.is_dir():
        raise DataError(f"{folder} has test/ but no train/; to use the one there is, name it: folder:{test}.")
    return Corpus(name, _read_split(folder), None)


def write_folder(corpus: Corpus, folder: Path) -> None:
    _refuse_foreign(folder)
    with atomic_folder(folder) as fresh:
        _write_split(corpus.train, fresh / "train")
        if corpus.test is not None:
            _write_split(corpus.test, fresh / "test")


def _read_split(folder: Path) -> Split:
    listed = list(_from_csv(folder) if (folder / LABELS).is_file() else _from_classes(folder))
    if not listed:
        raise DataError(f"{folder} holds no digits; expected PNGs in sub-folders 0/ to 9/, or a {LABELS}.")
    images = np.stack([decode_png(file.read_bytes(), file) for file, _ in listed])
    return Split(images, np.array([label for _, label in listed], np.uint8))


def _from_classes(folder: Path) -> Iterator[Labelled]:
    for entry in _visible(folder):
        if entry.is_dir() and entry.name not in CLASSES:
            raise DataError(f"{entry} is not a class; expected sub-folders 0/ to 9/, or a {LABELS} in {folder}.")
    for label in CLASSES:
        if (folder / label).is_dir():
            yield from ((_only_png(file), int(label)) for file in _visible(folder / label))


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _only_png(file: Path) -> Path:
    if file.suffix.lower() != ".png":
        raise DataError(f"{file} is not a PNG; take it out of the folder or convert it.")
    return file


def _from_csv(folder: Path) -> Iterator[Labelled]:
    table = folder / LABELS
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            column = _label_column(table, rows.fieldnames or [])
            for row in rows:
                where = f"{table} line {rows.line_num}"
                yield _existing(folder, row["file"], where), _digit(row[column], where)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{table} is not a CSV in UTF-8: {error}.") from error


def _label_column(table: Path, columns: Sequence[str]) -> str:
    for column in ("label", "digit"):
        if "file" in columns and column in columns:
            return column
    found = ", ".join(columns) or "none"
    raise DataError(f"{table}: expected the columns `file` and `label` (or `digit`), found {found}.")


def _existing(folder: Path, name: str | None, where: str) -> Path:
    if not name or not (folder / name).is_file():
        raise DataError(f"{where}: there is no file {name!r} in {folder}.")
    return folder / name


def _digit(label: str | None, where: str) -> int:
    if label not in CLASSES:
        raise DataError(f"{where}: label {label!r} is out of range; expected 0 to 9.")
    return int(label)


def _write_split(split: Split, folder: Path) -> None:
    folder.mkdir()
    with (folder / LABELS).open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerow(("file", "label"))
        for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            name = f"{number:08d}.png"
            (folder / name).write_bytes(encode_png(image))
            rows.writerow((name, label))


def _refuse_foreign(folder: Path) -> None:
    """Refuse to overwrite a folder that holds anything `write_folder` did not write."""
    if folder.is_symlink():
        raise UsageError(f"{folder} is a link; name the folder itself, {folder.resolve()}.")
    if folder.is_file():
        raise UsageError(f"{folder} is a file; name a folder to write.")
    for entry in folder.rglob("*"):
        if not _is_ours(entry, *entry.relative_to(folder).parts):
            strange = entry.relative_to(folder)
            raise UsageError(f"{folder} holds {strange}, which no conversion wrote; choose another folder.")


def _is_ours(entry: Path, part: str, *inner: str) -> bool:
    if part not in ("train", "test") or len(inner) > 1:
        return False
    return entry.is_file() and (entry.suffix == ".png" or entry.name == LABELS) if inner else entry.is_dir()
