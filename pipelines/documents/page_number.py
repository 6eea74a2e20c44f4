"""The check of a page number, the same for every kind of document."""

from __future__ import annotations

from pipelines.errors import DataError


def check_number(number: int, count: int, where: str) -> None:
    if not 0 <= number < count:
        raise DataError(f"{where}: there is no such page; the file has {count:,}.")
