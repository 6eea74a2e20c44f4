from __future__ import annotations

import importlib.util

import pytest

from pipelines.conversion.engines import check_capabilities, chosen_engines
from pipelines.errors import EngineError, UnknownName, UsageError
from pipelines.inference.engines.cuda import cuda_gpus
from tests.stores import refusal


def test_all_are_those_there_are() -> None:
    there = ["onnxruntime", "openvino"]
    there += ["tensorrt"] * bool(importlib.util.find_spec("tensorrt") and cuda_gpus())
    there += ["tensorrt_rtx"] * bool(importlib.util.find_spec("tensorrt_rtx"))
    assert chosen_engines(["all"]) == there


def test_those_named_are_taken_once() -> None:
    assert chosen_engines(["openvino", "onnxruntime", "openvino"]) == ["openvino", "onnxruntime"]


def test_an_unknown_one() -> None:
    assert refusal(UnknownName, lambda: chosen_engines(["openvno"])) == (
        "There is no engine to convert for 'openvno'; known: all, onnxruntime, openvino, tensorrt, tensorrt_rtx. "
        "Did you mean 'openvino'?"
    )


def test_none_is_refused() -> None:
    assert refusal(UsageError, lambda: chosen_engines([])) == (
        "No engine is named; known: all, onnxruntime, openvino, tensorrt, tensorrt_rtx."
    )


def test_gpus_that_nothing_is_built_for() -> None:
    pytest.importorskip("tensorrt_rtx")
    check_capabilities(["onnxruntime"], (90,))
    check_capabilities(["tensorrt_rtx", "onnxruntime"], (89, 120))
    said = refusal(UsageError, lambda: check_capabilities(["onnxruntime", "tensorrt_rtx"], (89, 90)))
    assert said.startswith("tensorrt_rtx cannot build for compute capability 90; it knows ")


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="tensorrt is installed")
def test_one_asked_for_by_name_must_be_there() -> None:
    assert "pip install 'inkray[gpu]' brings it" in refusal(EngineError, lambda: chosen_engines(["tensorrt"]))
