"""Reads handwritten numbers at any scale, on Ray. Each name is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pipelines as library
import serve_app as server

if TYPE_CHECKING:
    from pipelines.errors import InkrayError
    from pipelines.forms.reader import FormReader
    from pipelines.inference.line_recognizer import LineRecognizer
    from pipelines.inference.recognizer import Recognizer
    from pipelines.models.store import ModelStore
    from pipelines.strings.reading import read_strings
    from serve_app.client import InkClient, InkError

__all__ = [
    "FormReader",
    "InkClient",
    "InkError",
    "InkrayError",
    "LineRecognizer",
    "ModelStore",
    "Recognizer",
    "read_strings",
]
__version__ = version("inkray")

_HOMES = {
    "FormReader": (library, "forms.reader"),
    "InkClient": (server, "client"),
    "InkError": (server, "client"),
    "InkrayError": (library, "errors"),
    "LineRecognizer": (library, "inference.line_recognizer"),
    "ModelStore": (library, "models.store"),
    "Recognizer": (library, "inference.recognizer"),
    "read_strings": (library, "strings.reading"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    package, module = _HOMES[name]
    return getattr(import_module(f"{package.__name__}.{module}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
