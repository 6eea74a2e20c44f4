"""Which number types the layers of a built engine really give, since a wish for a type can be ignored silently."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from pipelines.conversion.export import INPUT
from pipelines.inference.engines.base import Engine
from pipelines.inference.engines.tensorrt import TensorRtEngine


def types_found(engine: Engine, graph: bytes) -> dict[str, int]:
    if engine.name == "onnxruntime":
        return _of_onnx_runtime(graph)
    if engine.name == "openvino":
        return _of_openvino(engine)
    if isinstance(engine, TensorRtEngine):
        return of_tensorrt(engine.layers())
    return {}


def _of_onnx_runtime(graph: bytes) -> dict[str, int]:
    """Read from its profile of one run, the only place that has them."""
    with tempfile.TemporaryDirectory(prefix="inkray-") as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
        session.run(None, {INPUT: np.zeros((1, 28, 28), np.uint8)})
        events = json.loads(Path(session.end_profiling()).read_text())
    layers = [event["args"] for event in events if event.get("name", "").endswith("_kernel_time")]
    return _counted(next(iter(output)) for layer in layers for output in layer.get("output_type_shape", [])[:1])


def _of_openvino(engine: Any) -> dict[str, int]:
    layers = engine.compiled.get_runtime_model().get_ordered_ops()
    return _counted(
        str(layer.get_rt_info()["runtimePrecision"].astype(str))
        for layer in layers
        if "runtimePrecision" in layer.get_rt_info() and layer.get_rt_info()["layerType"].astype(str) != "Const"
    )


def of_tensorrt(inspected: str) -> dict[str, int]:
    """Read from its inspector, whose versions name the types differently; of some layers it knows only the names."""
    layers = [layer for layer in json.loads(inspected)["Layers"] if isinstance(layer, dict)]
    outputs = [output for layer in layers for output in layer.get("Outputs", [])[:1]]
    return _counted(output.get("Datatype") or output.get("Format/Datatype", "unknown") for output in outputs)


def _counted(types: Any) -> dict[str, int]:
    return dict(sorted(Counter(types).items()))
