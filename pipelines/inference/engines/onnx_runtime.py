"""ONNX Runtime: on every CPU; on CUDA and through its TensorRT provider where it was built with them."""

from __future__ import annotations

from collections.abc import Iterable

import onnxruntime

from pipelines.errors import EngineError, first_line
from pipelines.inference.engines.base import BatchSlice, Engine

PROVIDERS = {
    "onnxruntime": "CPUExecutionProvider",
    "onnxruntime-cuda": "CUDAExecutionProvider",
    "onnxruntime-tensorrt": "TensorrtExecutionProvider",
}


class OnnxRuntimeEngine(Engine):
    # Its errors have no class in common.
    _failures = (Exception,)

    def __init__(self, graph: bytes, classes: int, threads: int, precision: str, name: str = "onnxruntime") -> None:
        super().__init__(classes)
        self.name, self.precision = name, precision
        # Larger batches are slower on a CPU: what lies between the layers then leaves the cache.
        self.max_batch = 256 if name == "onnxruntime" else 4096
        self.on_gpu = name != "onnxruntime"
        self._session = session_on(name, graph, threads)

    def _infer(self, parts: Iterable[BatchSlice]) -> None:
        for images, answer in parts:
            answer[:] = self._session.run(None, {"images": images})[0]

    def _release(self) -> None:
        del self._session


def session_on(name: str, graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """On the processor of the engine of this name, or an error."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    provider = _provider(name)
    try:
        session = onnxruntime.InferenceSession(graph, options, [provider])
    except Exception as error:
        raise EngineError(f"ONNX Runtime cannot load the graph: {first_line(error)}.") from error
    check_provider(session, provider)
    return session


def _provider(name: str) -> str:
    provider, there = PROVIDERS[name], onnxruntime.get_available_providers()
    if provider not in there:
        raise EngineError(
            f"The engine {name} needs ONNX Runtime's {provider}, but the one installed has only {', '.join(there)}; "
            "install onnxruntime-gpu in place of onnxruntime."
        )
    return provider


def check_provider(session: onnxruntime.InferenceSession, provider: str) -> None:
    """One that cannot be started is replaced by the CPU's, without a word."""
    if provider not in session.get_providers():
        raise EngineError(
            f"ONNX Runtime could not start its {provider} and would read on the CPU instead; "
            "check that the driver, CUDA and cuDNN here are those that its release asks for."
        )
