"""The GPU, its driver and the versions of libraries, without which no figure means anything."""

from __future__ import annotations

import importlib.metadata
import subprocess
import time

import torch

PACKAGES = ("torch", "tensorrt", "tensorrt_rtx", "pycuda", "onnxruntime", "onnxruntime-gpu")


def card() -> dict[str, str]:
    there = torch.cuda.get_device_properties(0)
    return {
        "card": f"{there.name}, compute capability {there.major}.{there.minor}",
        "memory": f"{there.total_memory / 2**30:.0f} GiB",
        "driver": _driver(),
        "CUDA of PyTorch": str(torch.version.cuda),
        "cuDNN": str(torch.backends.cudnn.version()),
        **versions(),
        "date": time.strftime("%Y-%m-%d"),
    }


def versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown, since nvidia-smi does not say"
