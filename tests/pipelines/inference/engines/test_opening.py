"""Which engine is opened, and what is said where it cannot be."""

from __future__ import annotations

import importlib.util
import platform
import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import onnxruntime
import pytest

from pipelines.errors import EngineError, StoreError, UnknownName, UsageError
from pipelines.inference.engines import open_engine, opening, plan_lookup
from pipelines.inference.engines.cuda import cuda_gpus, tensorrt_flavour
from pipelines.inference.engines.opening import choose
from pipelines.inference.engines.tensorrt import PlanRefused
from pipelines.inference.engines.threads import available_threads
from pipelines.models.folder import ModelFolder
from tests.fake_engine import FakeEngine
from tests.stores import refusal

NO_GPU = pytest.mark.skipif(cuda_gpus() > 0, reason="there is a GPU, which is chosen first")
ON_X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="this is not x86")


@NO_GPU
@ON_X86
def test_auto_is_openvino_on_x86_and_says_why(model: ModelFolder) -> None:
    with open_engine("auto", model) as engine:
        assert (engine.name, engine.why) == ("openvino", "there is no CUDA GPU, and this is x86")


@NO_GPU
def test_auto_is_onnx_runtime_elsewhere(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert choose(model, "auto") == ("onnxruntime", "there is no CUDA GPU, and this is aarch64")


@pytest.mark.parametrize(
    ("flavour", "builds", "by_torch", "chosen"),
    [
        ("tensorrt", True, True, ("tensorrt", "there are a CUDA GPU and TensorRT")),
        ("tensorrt_rtx", False, True, ("torch_cuda", "there is a CUDA GPU, but tensorrt_rtx does not build for it")),
        (None, False, True, ("torch_cuda", "there is a CUDA GPU, but there is no TensorRT with pycuda")),
        (
            *(None, False, False),
            (
                "openvino",
                "there is a CUDA GPU, but there is no TensorRT with pycuda, and PyTorch cannot use it, and this is x86",
            ),
        ),
    ],
)
def test_auto_on_a_gpu(
    model: ModelFolder,
    monkeypatch: pytest.MonkeyPatch,
    flavour: str | None,
    builds: bool,
    by_torch: bool,
    chosen: tuple[str, str],
) -> None:
    monkeypatch.setattr(opening, "cuda_gpus", lambda: 1)
    monkeypatch.setattr(opening, "tensorrt_flavour", lambda: flavour)
    monkeypatch.setattr(opening, "_builds_here", lambda flavour: builds)
    monkeypatch.setattr(opening, "torch_computes_on_cuda", lambda: by_torch)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert choose(model, "auto") == chosen


NO_TENSORRT = "there is a CUDA GPU, but there is no TensorRT with pycuda"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything for it but TensorRT."""
    monkeypatch.setattr(opening, "cuda_gpus", lambda: 1)
    monkeypatch.setattr(opening, "tensorrt_flavour", lambda: None)
    monkeypatch.setattr(opening, "torch_computes_on_cuda", lambda: True)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_auto_passes_an_engine_that_does_not_compute_in_what_is_asked_for(
    model: ModelFolder, gpu: None, precision: str
) -> None:
    with open_engine("auto", model, precision) as engine:
        assert engine.name == "openvino"
        assert engine.why == f"{NO_TENSORRT}, and torch_cuda does not compute in {precision}, and this is x86"


def test_auto_passes_tensorrt_for_what_it_does_not_compute_in(
    model: ModelFolder, bare: ModelFolder, gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "tensorrt_flavour", lambda: "tensorrt")
    monkeypatch.setattr(opening, "_builds_here", lambda flavour: True)
    assert choose(model, "int8")[0] == "tensorrt"
    assert choose(model, "bf16") == (
        "torch_cuda",
        "there is a CUDA GPU, but tensorrt does not compute in bf16",
    )
    assert choose(bare, "fp16") == (
        "torch_cuda",
        "there is a CUDA GPU, but bare:1 has no fp16 graph for tensorrt",
    )


def test_auto_passes_a_tensorrt_that_cannot_be_imported(
    model: ModelFolder, gpu: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One whose folder is there, but not the library that it needs."""
    (tmp_path / "pycuda").mkdir()
    (tmp_path / "pycuda" / "__init__.py").write_text("raise ImportError('libcurand.so.10 is not there')")
    tensorrt = ModuleType("tensorrt")
    tensorrt.__spec__ = ModuleSpec("tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt", tensorrt)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pycuda"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(opening, "tensorrt_flavour", tensorrt_flavour)
    name, why = choose(model, "auto")
    assert name == "torch_cuda"
    assert why.startswith("there is a CUDA GPU, but tensorrt cannot be used here (TensorRT engines need pycuda, ")
    assert "libcurand.so.10 is not there" in why


@pytest.mark.parametrize(("precision", "chosen"), [("auto", "openvino"), ("fp16", "openvino"), ("bf16", "torch_cuda")])
def test_auto_does_not_compute_in_fp16_where_that_was_refused(
    model: ModelFolder, gpu: None, precision: str, chosen: str
) -> None:
    lost = {"engine": "onnxruntime", "computes": "fp16", "refused": "onnxruntime in fp16 loses 2.00 points"}
    name, why = choose(replace(model, manifest={**model.manifest, "parity": [lost]}), precision)
    assert name == chosen
    assert precision == "bf16" or "small:1 does not read well in fp16, as torch_cuda would" in why


def test_auto_reads_a_model_that_was_never_converted_with_pytorch(bare: ModelFolder) -> None:
    with open_engine("auto", bare) as engine:
        assert (engine.name, engine.why) == ("pytorch", "bare:1 has not been converted to ONNX")


def test_openvino_leaves_bf16_where_the_model_lost_by_it(model: ModelFolder) -> None:
    lost = {"engine": "openvino", "computes": "bf16", "refused": "openvino in bf16 loses 2.00 points of accuracy"}
    with open_engine("openvino", replace(model, manifest={**model.manifest, "parity": [lost]})) as engine:
        assert engine.precision == "fp32"


def test_an_engine_asked_for_by_name_is_never_replaced(bare: ModelFolder) -> None:
    assert refusal(EngineError, lambda: open_engine("openvino", bare)) == (
        "bare:1 has no fp32 graph (there is none); convert the model to fp32 first."
    )


def test_an_unknown_engine(model: ModelFolder) -> None:
    said = refusal(UnknownName, lambda: open_engine("openvin", model))
    assert said.startswith("There is no engine 'openvin'; known: auto, onnxruntime,")
    assert said.endswith(" Did you mean 'openvino'?")


def test_a_precision_that_the_engine_does_not_know(model: ModelFolder) -> None:
    assert refusal(UsageError, lambda: open_engine("onnxruntime", model, "bf16")) == (
        "The engine onnxruntime does not compute in bf16; it knows fp32, fp16, int8."
    )


def test_a_provider_that_is_not_there(model: ModelFolder) -> None:
    said = refusal(EngineError, lambda: open_engine("onnxruntime-cuda", model))
    assert said.startswith("The engine onnxruntime-cuda needs ONNX Runtime's CUDAExecutionProvider, but ")
    assert said.endswith("install onnxruntime-gpu in place of onnxruntime.")


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="there is the provider")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_cannot_be_started_is_not_replaced_by_the_cpu(
    model: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime takes the CPU in silence."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert refusal(EngineError, lambda: open_engine("onnxruntime-cuda", model)) == (
        "ONNX Runtime could not start its CUDAExecutionProvider and would read on the CPU instead; "
        "check that the driver, CUDA and cuDNN here are those that its release asks for."
    )


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="tensorrt is installed")
def test_tensorrt_that_is_not_installed(model: ModelFolder) -> None:
    said = refusal(EngineError, lambda: open_engine("tensorrt", model))
    assert said.startswith("tensorrt is not installed; pip install 'inkray[gpu]' brings it")


@pytest.mark.skipif(importlib.util.find_spec("pycuda") is not None, reason="pycuda is installed")
def test_pycuda_that_is_not_installed(model: ModelFolder) -> None:
    pytest.importorskip("tensorrt_rtx")
    said = refusal(EngineError, lambda: open_engine("tensorrt_rtx", model))
    assert said.startswith("TensorRT engines need pycuda, which is not installed; pip install 'inkray[gpu]' builds it,")


def test_a_plan_that_the_driver_refuses_is_built_again(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorrt_rtx")
    tried: list[bytes] = []

    def opened(plan: bytes, classes: int, flavour: str, precision: str, compiled: Path) -> FakeEngine:
        assert compiled.name.endswith("-NVIDIA-L4.compiled")
        tried.append(plan)
        if plan == b"stored":
            raise PlanRefused("tensorrt_rtx refuses the plan")
        return FakeEngine(classes=classes)

    monkeypatch.setattr(plan_lookup, "TensorRtEngine", opened)
    monkeypatch.setattr(plan_lookup, "compute_capability", lambda: 89)
    monkeypatch.setattr(plan_lookup, "device_name", lambda: "NVIDIA L4")
    monkeypatch.setattr(plan_lookup, "fitting", lambda *_: iter([b"stored", b"built here"]))
    with open_engine("tensorrt_rtx", model, "fp32") as engine:
        assert engine.name == "fake"
    assert tried == [b"stored", b"built here"]


def test_a_changed_graph_is_found_before_it_is_loaded(model: ModelFolder) -> None:
    graph = model.path / "model.onnx"
    whole = graph.read_bytes()
    changed = bytearray(whole)
    changed[len(changed) // 2] ^= 1
    graph.write_bytes(changed)
    try:
        assert refusal(StoreError, lambda: open_engine("onnxruntime", model)) == (
            f"{graph} is not as small:1 was published; restore it, or publish it again."
        )
    finally:
        graph.write_bytes(whole)


@pytest.mark.parametrize(("told", "threads"), [("3", 3), ("1", 1)])
def test_threads_are_the_cpus_that_ray_assigned(told: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert available_threads() == threads


@pytest.mark.parametrize("told", [None, "", "0", "many"])
def test_without_ray_they_are_those_this_process_may_use(told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", told)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3, 4})
    assert available_threads() == 5
