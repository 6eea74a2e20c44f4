"""Speeds for people."""

from __future__ import annotations


def pace(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"
