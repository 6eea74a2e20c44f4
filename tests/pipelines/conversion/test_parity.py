"""The verdict on an engine: what may be published and what may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.conversion.parity import Parity, measure
from pipelines.corpora.corpus import Split
from pipelines.inference.engines.base import Images, Probabilities
from tests.fake_engine import FakeEngine, by_brightness

SAME = Parity("openvino", "fp32", "fp32", 10_000, 1.0, 0.0, 0.99, 0.99, 0.1, 10_000.0, {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"agreement": 0.9995}, None),
        (
            {"agreement": 0.9994},
            "openvino in fp32 reads 99.940 % of 10,000 images as the network does; at least 99.95 % is asked for",
        ),
        ({"computes": "int8", "agreement": 0.98, "accuracy_after": 0.9891}, None),
        (
            {"computes": "int8", "accuracy_after": 0.9885},
            "openvino in int8 loses 0.150 points of accuracy; at most 0.1 are allowed",
        ),
        ({"computes": "bf16", "agreement": 0.998, "accuracy_after": 0.991}, None),
        (
            {"computes": "bf16", "accuracy_after": 0.97},
            "openvino in bf16 loses 2.000 points of accuracy; at most 0.1 are allowed",
        ),
    ],
)
def test_what_is_refused(change: dict[str, Any], reason: str | None) -> None:
    assert replace(SAME, **change).refused == reason


@pytest.mark.parametrize("images", [2000, 3000, 7000, 10_000])
@pytest.mark.parametrize("share", [0.9, 0.989, 0.99, 1.0])
def test_a_tenth_of_a_point_may_be_lost_and_no_image_more(images: int, share: float) -> None:
    right = round(images * share)
    kept, lost = ((right - images // 1000 - more) / images for more in (0, 1))
    int8 = replace(SAME, computes="int8", images=images, accuracy_before=right / images)
    assert replace(int8, accuracy_after=kept).refused is None
    assert replace(int8, accuracy_after=lost).refused


def test_what_is_measured_is_what_the_engine_said() -> None:
    levels = np.arange(1000) % 256
    images: Images = np.broadcast_to(levels[:, None, None], (1000, 28, 28)).astype(np.uint8)
    truth = by_brightness(images, 10)
    labels = truth.argmax(1).astype(np.uint8)
    labels[:100] = (labels[:100] + 1) % 10

    def nearly(some: Images, classes: int) -> Probabilities:
        said = by_brightness(some, classes)
        said[some[:, 0, 0] == 255] = np.eye(10, dtype=np.float32)[0]
        return said

    with FakeEngine(nearly, max_batch=256) as engine:
        found = measure(engine, "fp16", {"half": 3}, truth, Split(images, labels))
    wrong = int((levels == 255).sum())
    assert (found.engine, found.graph, found.computes, found.images) == ("fake", "fp16", "fp32", 1000)
    assert found.agreement == pytest.approx(1 - wrong / 1000)
    assert found.largest_difference == pytest.approx(1 - 0.1 / 9)
    assert (found.accuracy_before, found.accuracy_after) == pytest.approx((0.9, 0.9 - wrong / 1000))
    assert found.types == {"half": 3}
    assert 0 < found.latency_ms < 100 and found.images_per_second > 0


@pytest.mark.parametrize(
    ("computes", "belongs"), [("fp32", True), ("int8", True), ("int8+bf16", True), ("bf16", False)]
)
def test_only_bf16_can_be_left_without_another_graph(computes: str, belongs: bool) -> None:
    assert replace(SAME, computes=computes).belongs_to_graph is belongs
