from __future__ import annotations

import importlib.util

import pytest

from pipelines.conversion.engines import chosen_engines
from pipelines.engines.gpu import cuda_gpus
from pipelines.errors import EngineError, UnknownName
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


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="tensorrt is installed")
def test_one_asked_for_by_name_must_be_there() -> None:
    assert "pip install 'inkray[gpu]' brings it" in refusal(EngineError, lambda: chosen_engines(["tensorrt"]))
