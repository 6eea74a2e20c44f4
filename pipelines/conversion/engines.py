"""Which engines a conversion builds for and compares, on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from pipelines.errors import EngineError, UnknownName, UsageError
from pipelines.inference.engines.cuda import cuda_gpus
from pipelines.inference.engines.tensorrt_build import FLAVOURS, check_builds_for, load_flavour

ALL = "all"
CONVERTIBLE = ("onnxruntime", "openvino", "tensorrt", "tensorrt_rtx")


def chosen_engines(names: Sequence[str]) -> list[str]:
    """The engines to build for: with "all", those installed; a named one that is missing is an error."""
    if not names:
        raise UsageError(f"No engine is named; known: {', '.join((ALL, *CONVERTIBLE))}.", option="engines")
    for name in names:
        if name not in (ALL, *CONVERTIBLE):
            raise UnknownName("engine to convert for", name, [ALL, *CONVERTIBLE])
    if ALL in names:
        return [name for name in CONVERTIBLE if _is_there(name)]
    for name in names:
        if name.startswith("tensorrt"):
            load_flavour(name)
        if name == "tensorrt" and not cuda_gpus():
            raise EngineError("tensorrt builds only on a machine with a CUDA GPU; tensorrt_rtx builds without one.")
    return list(dict.fromkeys(names))


def check_capabilities(engines: Sequence[str], capabilities: Sequence[int]) -> None:
    for flavour in FLAVOURS:
        if flavour in engines:
            check_builds_for(flavour, capabilities)


def _is_there(name: str) -> bool:
    if not name.startswith("tensorrt"):
        return True
    return importlib.util.find_spec(name) is not None and (name != "tensorrt" or cuda_gpus() > 0)
