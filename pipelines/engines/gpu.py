"""Is there a CUDA GPU here? Asked of the driver itself, since no library that could tell may be installed."""

from __future__ import annotations

import ctypes
import functools
import importlib.util


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
