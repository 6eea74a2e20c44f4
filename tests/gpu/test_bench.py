"""The bench of a GPU runs whole, on a card that others may be using."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_everything_is_measured(repo: Path, tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    words = ["--batches", "1", "64", "--rounds", "1", "--seconds", "0.05", "--actors", "1", "2", "--json", str(numbers)]
    done = subprocess.run([sys.executable, "jobs/bench.py", "gpu", *words], cwd=repo, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    saved = json.loads(numbers.read_text())
    assert {"torch_cuda, fp16", "torch_cuda, one lane, fp16", "PyTorch eager, fp32"} <= {
        row["name"] for row in saved["rows"]
    }
    assert all(row["host_to_host"] > 0 and row["on_card"] > 0 for row in saved["rows"])
    assert {row["actors"] for row in saved["shared"]} == {1, 2}
    assert saved["card"]["card"]
