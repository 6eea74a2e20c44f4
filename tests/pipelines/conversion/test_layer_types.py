"""What TensorRT's inspector tells, as its documentation and its library have it; the other engines are really asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.conversion.layer_types import of_tensorrt


def layer(name: str, **output: Any) -> dict[str, Any]:
    return {"Name": name, "LayerType": "CaskConvolution", "Outputs": [{"Name": f"{name}_out", **output}]}


@pytest.mark.parametrize("key", ["Datatype", "Format/Datatype"])
def test_the_first_output_of_each_layer_is_counted(key: str) -> None:
    layers = [layer("a", **{key: "Half"}), layer("b", **{key: "Half"}), layer("c", **{key: "Float"}), layer("d")]
    assert of_tensorrt(json.dumps({"Layers": layers})) == {"Float": 1, "Half": 2, "unknown": 1}


def test_of_layers_without_an_output_or_by_name_alone_nothing_is_told() -> None:
    assert of_tensorrt(json.dumps({"Layers": ["a convolution", {"Name": "signal", "Outputs": []}, {}]})) == {}
