"""The rivals of the engine bench: each library called as its own manual shows, on the same graph and threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import openvino
import torch
from numpy.typing import NDArray

from jobs.benches.timing import Call
from pipelines.models.folder import ModelFolder
from pipelines.networks.weights import load_reader


def onnx_runtime(model: ModelFolder, precision: str, threads: int) -> Call:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.graph(precision), options, ["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})


def open_vino(model: ModelFolder, precision: str, threads: int) -> Call:
    core = openvino.Core()
    graph = model.graph(precision if precision == "int8" else "fp32")
    settings: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "THROUGHPUT"}
    if precision in ("fp32", "bf16"):
        settings["INFERENCE_PRECISION_HINT"] = {"fp32": "f32", "bf16": "bf16"}[precision]
    compiled = core.compile_model(core.read_model(graph), "CPU", settings)
    return lambda images: compiled([images])[0]


def pytorch(model: ModelFolder, precision: str, threads: int) -> Call:
    torch.set_num_threads(threads)
    reader = load_reader(model.path)

    @torch.inference_mode()
    def call(images: NDArray[np.uint8]) -> object:
        return reader(torch.from_numpy(images)).softmax(1).numpy()

    return call


RIVALS: dict[str, Callable[[ModelFolder, str, int], Call]] = {
    "onnxruntime": onnx_runtime,
    "openvino": open_vino,
    "pytorch": pytorch,
}
