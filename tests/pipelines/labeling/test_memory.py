"""What a job says of its memory is its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from pipelines.labeling.memory import peak_mib


def test_what_was_held_at_most_is_told_also_when_it_is_given_back() -> None:
    before = peak_mib()
    held = np.ones(before + 100 << 17)
    del held
    assert peak_mib() >= before + 100


def test_what_the_starting_process_holds_does_not_count(repo: Path) -> None:
    held = np.ones(400 << 17)
    command = [sys.executable, "-c", "from pipelines.labeling.memory import peak_mib; print(peak_mib())"]
    told = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True).stdout
    assert int(told) < held.nbytes >> 20 < peak_mib()
