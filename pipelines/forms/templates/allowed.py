"""The allowed values of a field, from a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from pipelines.errors import DataError, UsageError


def read_allowed(path: Path) -> frozenset[str]:
    """Read the first column of a CSV file; a first line without digits is its header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return _first_column(path, lines)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}; the path is taken from the template's folder.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}.") from error


def _first_column(path: Path, lines: Iterable[str]) -> frozenset[str]:
    values = set()
    for number, row in enumerate(csv.reader(line.replace(";", ",").replace("\t", ",") for line in lines), start=1):
        value = row[0].strip() if row else ""
        if value.isascii() and value.isdigit():
            values.add(value)
        elif value and number > 1:
            raise DataError(f"{path}, line {number}: {value!r} is not a value of digits.")
    if not values:
        raise DataError(f"{path} holds no values.")
    return frozenset(values)
