"""The CUDA GPU: whether there is one, what it computes, and its context.

Whether there is one is asked of the driver itself, since no library for it may be installed.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pipelines.errors import EngineError, first_line


@functools.cache
def cuda_gpus() -> int:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def torch_computes_on_cuda() -> bool:
    """Whether the PyTorch here was built for CUDA, and the driver is new enough for it."""
    import torch

    return torch.cuda.is_available()


def tensorrt_flavour() -> str | None:
    """The TensorRT that can run here, full TensorRT before TensorRT for RTX."""
    if importlib.util.find_spec("pycuda") is None:
        return None
    return next((name for name in ("tensorrt", "tensorrt_rtx") if importlib.util.find_spec(name)), None)


def load_pycuda() -> ModuleType:
    try:
        import pycuda.driver as cuda
    except ImportError as error:
        raise EngineError(
            f"TensorRT engines need pycuda, which is not installed; pip install 'inkray[gpu]' builds it, "
            f"which takes the CUDA toolkit ({error})."
        ) from error
    try:
        cuda.init()
    except cuda.Error as error:
        raise EngineError(
            f"TensorRT engines need a CUDA GPU, and none can be used here: {first_line(error)}."
        ) from error
    return cuda


@functools.cache
def primary_context() -> Any:
    """The first GPU's, which all that uses it in this process shares, and so never given back."""
    cuda = load_pycuda()
    try:
        return cuda.Device(0).retain_primary_context()
    except cuda.Error as error:
        raise EngineError(f"The GPU cannot be used: {first_line(error)}.") from error


@contextmanager
def current(context: Any) -> Iterator[None]:
    """A CUDA context belongs to a thread while it is current, and our calls come from any thread."""
    context.push()
    try:
        yield
    finally:
        context.pop()


def compute_capability() -> int:
    major, minor = _asked("compute_capability")
    return major * 10 + minor


def device_name() -> str:
    """As NVIDIA calls the card; two of one compute capability may differ in all else."""
    return _asked("name")


def _asked(what: str) -> Any:
    cuda = load_pycuda()
    try:
        return getattr(cuda.Device(0), what)()
    except cuda.Error as error:
        raise EngineError(f"The GPU cannot be asked for its {what.replace('_', ' ')}: {first_line(error)}.") from error
