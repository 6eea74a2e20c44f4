"""The console that jobs print to."""

from __future__ import annotations

import os

from rich.console import Console

PIPED_WIDTH = 160


def open_console(markup: bool = True) -> Console:
    """A console as wide as the terminal; where there is none, rich would assume 80 columns and cut tables short."""
    console = Console(markup=markup)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    return console
