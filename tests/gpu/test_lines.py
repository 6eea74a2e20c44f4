"""Whole numbers on the GPU say what they say on the CPU."""

from __future__ import annotations

import numpy as np

from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.strings.samples import draw_lines
from tests.digits import builtin


def test_lines_are_read_as_the_cpu_reads_them() -> None:
    pictures = [line.picture for line in draw_lines(300, 77, builtin().train, 0.1)]
    on_the_cpu, on_the_gpu = LineRecognizer(engine="onnxruntime"), LineRecognizer()
    assert on_the_gpu.name == "torch_cuda"
    for one, other in zip(on_the_gpu(pictures), on_the_cpu(pictures), strict=True):
        assert np.median(np.abs(one - other)) < 1e-3
        assert (one.argmax(1) == other.argmax(1)).mean() > 0.9
