"""Which engine reads a model here, and opening it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.errors import EngineError, UnknownName, UsageError, first_line
from pipelines.inference.engines.base import Engine
from pipelines.inference.engines.cuda import cuda_gpus, tensorrt_flavour, torch_computes_on_cuda
from pipelines.inference.engines.threads import available_threads
from pipelines.models.folder import ModelFolder

if TYPE_CHECKING:
    from pipelines.networks.architectures import Reader

AUTO = "auto"


@dataclass(frozen=True)
class EngineOptions:
    """An engine's name, the precision asked for, and how many threads it may use."""

    name: str
    precision: str
    threads: int


def _onnx_runtime(model: ModelFolder, options: EngineOptions) -> Engine:
    from pipelines.inference.engines.onnx_runtime import OnnxRuntimeEngine

    precision = "fp32" if options.precision == AUTO else options.precision
    return OnnxRuntimeEngine(model.graph(precision), len(model.classes), options.threads, precision, options.name)


def _openvino(model: ModelFolder, options: EngineOptions) -> Engine:
    from pipelines.inference.engines.openvino import OpenVinoEngine

    # OpenVINO takes the full graph and computes it in bf16; a graph of its own is only for what lies in the graph.
    graph = options.precision if options.precision in ("fp16", "int8") else "fp32"
    best = AUTO if model.reads_well("openvino", "bf16") else "fp32"
    computes = options.precision if options.precision in ("fp32", "bf16") else best
    return OpenVinoEngine(model.graph(graph), len(model.classes), options.threads, computes, graph)


def _pytorch(model: ModelFolder, options: EngineOptions) -> Engine:
    from pipelines.inference.engines.pytorch import PyTorchEngine

    return PyTorchEngine(reader_of(model), options.threads)


def _torch_cuda(model: ModelFolder, options: EngineOptions) -> Engine:
    from pipelines.inference.engines.torch_cuda import TorchCudaEngine

    return TorchCudaEngine(reader_of(model), "fp16" if options.precision == AUTO else options.precision)


def reader_of(model: ModelFolder) -> Reader:
    from pipelines.networks.weights import WEIGHTS, load_reader

    model.read(WEIGHTS)  # says so if they are not as published
    return load_reader(model.path)


def _tensorrt(model: ModelFolder, options: EngineOptions) -> Engine:
    from pipelines.inference.engines.plan_lookup import open_on_this_gpu
    from pipelines.inference.engines.tensorrt_build import load_flavour

    load_flavour(options.name)  # says so if it is not there, before pycuda is missed
    smallest = "fp16" if "fp16" in model.precisions else "fp32"
    return open_on_this_gpu(model, options.name, smallest if options.precision == AUTO else options.precision)


OPENERS: dict[str, tuple[Callable[[ModelFolder, EngineOptions], Engine], tuple[str, ...]]] = {
    "tensorrt": (_tensorrt, ("fp32", "fp16", "int8")),
    "tensorrt_rtx": (_tensorrt, ("fp32", "fp16", "int8")),
    "torch_cuda": (_torch_cuda, ("fp16", "bf16")),
    "openvino": (_openvino, ("fp32", "bf16", "fp16", "int8")),
    "onnxruntime": (_onnx_runtime, ("fp32", "fp16", "int8")),
    "onnxruntime-cuda": (_onnx_runtime, ("fp32", "fp16", "int8")),
    "onnxruntime-tensorrt": (_onnx_runtime, ("fp32", "fp16", "int8")),
    "pytorch": (_pytorch, ("fp32",)),
}
FOR_GPUS = frozenset({"tensorrt", "tensorrt_rtx", "torch_cuda", "onnxruntime-cuda", "onnxruntime-tensorrt"})
"""The engines that need a GPU."""
FOR_CPUS = frozenset({"openvino", "onnxruntime"})
"""The engines that never use one; the others, and auto, take one that is there."""


def open_engine(name: str, model: ModelFolder, precision: str = AUTO, threads: int | None = None) -> Engine:
    """Open the engine of this name, or with "auto" the fastest available; `engine.why` says why it was chosen."""
    chosen, why = choose(model, precision) if name == AUTO else (name, "it was asked for")
    if chosen not in OPENERS:
        raise UnknownName("engine", chosen, [AUTO, *OPENERS])
    opener, precisions = OPENERS[chosen]
    if precision not in (AUTO, *precisions):
        raise UsageError(f"The engine {chosen} does not compute in {precision}; it knows {', '.join(precisions)}.")
    engine = opener(model, EngineOptions(chosen, precision, threads or available_threads()))
    engine.why = why
    return engine


def choose(model: ModelFolder, precision: str) -> tuple[str, str]:
    """TensorRT or else PyTorch on a CUDA GPU, without one OpenVINO on x86, else ONNX Runtime; and why."""
    if not model.precisions and precision in (AUTO, "fp32"):
        return "pytorch", f"{model.reference} has not been converted to ONNX"
    if not cuda_gpus():
        return _on_the_cpu("there is no CUDA GPU")
    flavour = tensorrt_flavour()
    lacking = _against_tensorrt(flavour, model, precision) if flavour else "there is no TensorRT with pycuda"
    if flavour and not lacking:
        return flavour, "there are a CUDA GPU and TensorRT"
    if against := _against_torch_cuda(model, precision):
        return _on_the_cpu(f"there is a CUDA GPU, but {lacking}, and {against}")
    return "torch_cuda", f"there is a CUDA GPU, but {lacking}"


def _on_the_cpu(why: str) -> tuple[str, str]:
    machine = platform.machine()
    if machine.lower() in ("x86_64", "amd64"):
        return "openvino", f"{why}, and this is x86"
    return "onnxruntime", f"{why}, and this is {machine}"


def _against_tensorrt(flavour: str, model: ModelFolder, precision: str) -> str | None:
    if against := _against_precision(flavour, precision):
        return against
    if precision not in (AUTO, *model.precisions):
        return f"{model.reference} has no {precision} graph for {flavour}"
    try:
        return None if _builds_here(flavour) else f"{flavour} does not build for it"
    except (EngineError, OSError) as error:  # what is installed may lack a library of its own
        return f"{flavour} cannot be used here ({first_line(error)})"


def _builds_here(flavour: str) -> bool:
    from pipelines.inference.engines.cuda import compute_capability
    from pipelines.inference.engines.tensorrt_build import builds_for, load_flavour

    load_flavour(flavour)
    return builds_for(flavour, compute_capability())


def _against_torch_cuda(model: ModelFolder, precision: str) -> str | None:
    if against := _against_precision("torch_cuda", precision):
        return against
    if precision in (AUTO, "fp16") and not model.reads_well(None, "fp16"):
        return f"{model.reference} does not read well in fp16, as torch_cuda would"
    return None if torch_computes_on_cuda() else "PyTorch cannot use it"


def _against_precision(name: str, precision: str) -> str | None:
    return None if precision in (AUTO, *OPENERS[name][1]) else f"{name} does not compute in {precision}"
