"""No library reports to its makers what it is used for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

READ = """
import sys
import numpy as np
from pipelines.inference.recognizer import Recognizer

with Recognizer("builtin", engine=sys.argv[1], threads=1) as reader:
    print(reader.read(np.zeros((1, 28, 28), np.uint8)).labels[0])
"""


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "pytorch"])
def test_nothing_is_kept_for_a_report_when_a_model_reads(engine: str, repo: Path, tmp_path: Path) -> None:
    # Few variables, since ONNX Runtime keeps silent by itself where they tell it that it is being tested.
    env = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": os.defpath}
    read = subprocess.run(
        [sys.executable, "-c", READ, engine], cwd=repo, env=env, capture_output=True, text=True, timeout=300
    )
    assert read.returncode == 0, read.stderr
    assert list(tmp_path.rglob("*")) == []
