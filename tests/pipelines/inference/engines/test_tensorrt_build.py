"""The real builder and the real parser of TensorRT for RTX, which need no GPU."""

from __future__ import annotations

import platform

import pytest

from pipelines.errors import EngineError, UsageError
from pipelines.inference.engines import tensorrt_build
from pipelines.inference.engines.tensorrt import TensorRtEngine
from pipelines.inference.engines.tensorrt_build import RTX_CAPABILITIES, build_plan, builds_for, load_flavour, plan_key
from pipelines.models.folder import ModelFolder
from tests.stores import refusal

tensorrt_rtx = pytest.importorskip("tensorrt_rtx")


def test_precision_is_what_the_graph_says(model: ModelFolder) -> None:
    plans = {precision: build_plan(model.graph(precision), "tensorrt_rtx", (89,)) for precision in model.precisions}
    assert "HALF" not in plans["fp32"].layer_types and "INT8" not in plans["fp32"].layer_types
    assert plans["fp16"].layer_types["HALF"] > plans["fp16"].layer_types["FLOAT"]
    assert plans["int8"].layer_types["INT8"] >= 4
    assert len({len(made.plan) for made in plans.values()}) == 3


def test_progress_is_told_to_its_end(model: ModelFolder) -> None:
    told: list[tuple[str, int, int]] = []
    build_plan(model.graph("fp32"), "tensorrt_rtx", (89,), progress=lambda *step: told.append(step))
    assert {phase for phase, step, steps in told if step == 0} == {
        phase for phase, step, steps in told if step == steps
    }
    assert len(told) > 10


def test_a_plan_is_made_for_the_batches_that_bulk_labelling_sends(model: ModelFolder) -> None:
    network = tensorrt_rtx.Builder(log := tensorrt_build._log(tensorrt_rtx)).create_network(0)
    tensorrt_build._parse(tensorrt_rtx, network, model.graph("fp32"), log)
    profile = tensorrt_build._profile(tensorrt_rtx.Builder(log), network)
    batches = [shape[0] for shape in profile.get_shape("images")]
    assert batches == [1, TensorRtEngine.max_batch, TensorRtEngine.max_batch]


def test_a_gpu_that_it_cannot_build_for(model: ModelFolder) -> None:
    assert refusal(UsageError, lambda: build_plan(model.graph("fp32"), "tensorrt_rtx", (90,))) == (
        "tensorrt_rtx cannot build for compute capability 90; it knows 75, 80, 86, 89, 120, 121."
    )


@pytest.mark.parametrize(("capability", "builds"), [(75, True), (89, True), (90, False), (120, True)])
def test_which_gpus_it_knows_can_be_asked(capability: int, builds: bool) -> None:
    assert builds_for("tensorrt_rtx", capability) is builds
    assert builds_for("tensorrt", capability)


def test_the_key_names_what_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_build, "compute_capability", lambda: 90)
    monkeypatch.setattr(tensorrt_build, "device_name", lambda: "NVIDIA H100 PCIe")
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", tensorrt_rtx)
    wished = plan_key(b"graph", "fp32", "tensorrt_rtx", (120, 89, 120))
    assert (wished.capabilities, wished.version) == ((89, 120), tensorrt_rtx.__version__)
    assert plan_key(b"graph", "fp32", "tensorrt_rtx", ()).capabilities == RTX_CAPABILITIES
    assert (wished.machine, wished.precision) == (platform.machine(), "fp32")
    # Full TensorRT builds for the GPU at hand, and no wish changes that.
    here = plan_key(b"graph", "fp32", "tensorrt", (75, 89))
    assert here.capabilities == (90,)
    # Its plans are for that card alone, and not for another of the same capability.
    assert (wished.device, here.device) == ("", "NVIDIA H100 PCIe")
    assert "-sm90-NVIDIA-H100-PCIe-fp32-" in here.name and "-sm89-sm120-fp32-" in wished.name


def test_a_network_that_the_gpu_cannot_compute_says_why(model: ModelFolder) -> None:
    said = refusal(EngineError, lambda: build_plan(model.graph("fp32"), "tensorrt_rtx", (75,)))
    assert said.startswith("tensorrt_rtx cannot build a plan: ")
    assert "FP32 GEMM is not supported" in said


def test_what_is_no_graph_is_refused_by_the_parser() -> None:
    said = refusal(EngineError, lambda: build_plan(b"no graph", "tensorrt_rtx", (89,)))
    assert said.startswith("TensorRT cannot parse the graph: ")


def test_a_flavour_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", None)
    said = refusal(EngineError, lambda: load_flavour("tensorrt"))
    assert said.startswith("tensorrt is not installed; pip install 'inkray[gpu]' brings it (")
