"""The contenders of the GPU bench: inkray's engines, and rivals written as the libraries' manuals show."""

from __future__ import annotations

import gc
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.benches.timing import Call
from pipelines.conversion.precision import to_fp16
from pipelines.inference.engines import Engine, open_engine
from pipelines.inference.engines.cuda import tensorrt_flavour
from pipelines.inference.engines.lanes import LanedEngine
from pipelines.inference.engines.onnx_runtime import PROVIDERS, check_provider
from pipelines.models.folder import GRAPHS, ModelFolder, open_model
from pipelines.models.version import MANIFEST, to_json
from pipelines.networks.cuda_graphs import WARM_UP, capture
from pipelines.networks.weights import load_reader

CARD = "cuda"
HALF = torch.float16
ON_CUDA = PROVIDERS["onnxruntime-cuda"]
ONE_LANE = "torch_cuda, one lane"
"""Ours without overlap: each batch waits for the one before it."""

Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Contender:
    read: Call
    """Reads from an array on the host to an array on the host."""
    on_card: Call
    """Reads as many images that are already on the card, and leaves the results there."""
    precision: str = ""
    """The precision it computes in, if its name does not say."""
    ours: bool = False


@contextmanager
def with_half(model: ModelFolder) -> Iterator[ModelFolder]:
    """The model with an fp16 graph, as the rivals compute in fp16; if it has none, one is made for the bench alone."""
    if "fp16" in model.precisions or not model.precisions:
        yield model
        return
    graph, file = to_fp16(model.graph("fp32")), GRAPHS["fp16"]
    entry = {"sha256": hashlib.sha256(graph).hexdigest(), "size": len(graph)}
    manifest = {**model.manifest, "files": {**model.manifest["files"], file: entry}}
    with tempfile.TemporaryDirectory(prefix="inkray-") as scratch:
        folder = Path(scratch, "model")
        shutil.copytree(model.path, folder)
        (folder / file).write_bytes(graph)
        (folder / MANIFEST).write_bytes(to_json(manifest))
        yield open_model(folder)


def open_ours(name: str, model: ModelFolder) -> Engine:
    if name == ONE_LANE:
        from pipelines.inference.engines.torch_cuda import TorchCudaEngine

        return TorchCudaEngine(load_reader(model.path), lanes=1)
    return open_engine(name, model)


@contextmanager
def ours(name: str, model: ModelFolder) -> Iterator[Contender]:
    with open_ours(name, model) as engine:
        yield Contender(engine.run, partial(_compute, cast(LanedEngine, engine)), engine.precision, ours=True)


def _compute(engine: LanedEngine, images: NDArray[np.uint8]) -> None:
    for start in range(0, len(images), engine.max_batch):
        engine.compute(min(engine.max_batch, len(images) - start))


@contextmanager
def pytorch(make: Callable[[Forward], Forward], dtype: torch.dtype, model: ModelFolder) -> Iterator[Contender]:
    forward = make(_forward(model, dtype))
    there: dict[int, Tensor] = {}

    def read(images: NDArray[np.uint8]) -> object:
        return forward(torch.from_numpy(images).to(CARD)).cpu().numpy()

    def on_card(images: NDArray[np.uint8]) -> None:
        count = len(images)
        if count not in there:
            there[count] = torch.from_numpy(images).to(CARD)
        forward(there[count])
        torch.cuda.synchronize()

    yield Contender(read, on_card)
    there.clear()
    gc.collect()
    torch.cuda.empty_cache()


def _forward(model: ModelFolder, dtype: torch.dtype) -> Forward:
    reader = load_reader(model.path).to(CARD)

    @torch.inference_mode()
    def forward(images: Tensor) -> Tensor:
        with torch.autocast(CARD, dtype, enabled=dtype is not torch.float32):
            return reader(images).float().softmax(1)

    return forward


def eagerly(forward: Forward) -> Forward:
    return forward


def compiled(forward: Forward) -> Forward:
    return torch.compile(forward, mode="reduce-overhead", dynamic=False)


def as_graph(forward: Forward) -> Forward:
    """Capture a CUDA graph for each batch size, with input and output at fixed addresses."""
    graphs: dict[int, tuple[Tensor, Tensor, torch.cuda.CUDAGraph]] = {}

    def record(images: Tensor) -> tuple[Tensor, Tensor, torch.cuda.CUDAGraph]:
        stream, place, answer = torch.cuda.Stream(), images.clone(), forward(images).clone()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                forward(place)
        return place, answer, capture(lambda: answer.copy_(forward(place)), stream)

    def replay(images: Tensor) -> Tensor:
        if len(images) not in graphs:
            graphs[len(images)] = record(images)
        place, answer, graph = graphs[len(images)]
        place.copy_(images)
        graph.replay()
        return answer

    return replay


@contextmanager
def onnx_runtime(model: ModelFolder) -> Iterator[Contender]:
    precision = "fp16" if "fp16" in model.precisions else "fp32"
    session = onnxruntime.InferenceSession(model.graph(precision), providers=[ON_CUDA])
    check_provider(session, ON_CUDA)
    bindings: dict[int, onnxruntime.IOBinding] = {}

    def on_card(images: NDArray[np.uint8]) -> None:
        if len(images) not in bindings:
            binding = bindings[len(images)] = session.io_binding()
            binding.bind_ortvalue_input("images", onnxruntime.OrtValue.ortvalue_from_numpy(images, "cuda", 0))
            binding.bind_output("probabilities", "cuda")
        session.run_with_iobinding(bindings[len(images)])
        bindings[len(images)].synchronize_outputs()

    yield Contender(lambda images: session.run(None, {"images": images}), on_card, precision)


Opener = Callable[[ModelFolder], AbstractContextManager[Contender]]


def our_names() -> list[str]:
    flavour = tensorrt_flavour()
    return [*([flavour] if flavour else []), "torch_cuda", ONE_LANE]


def contenders() -> dict[str, Opener]:
    """The contenders that are available here, ours first."""
    there: dict[str, Opener] = {name: partial(ours, name) for name in our_names()}
    there |= {
        "PyTorch eager, fp32": partial(pytorch, eagerly, torch.float32),
        "PyTorch eager, fp16 autocast": partial(pytorch, eagerly, HALF),
        "torch.compile, fp16 autocast": partial(pytorch, compiled, HALF),
        "CUDA graph by hand, fp16 autocast": partial(pytorch, as_graph, HALF),
    }
    if ON_CUDA in onnxruntime.get_available_providers():
        there["ONNX Runtime on CUDA"] = onnx_runtime
    return there
