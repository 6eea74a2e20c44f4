"""The benches run and print their ratios; how high those are is for a quiet machine to say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.corpora import Corpus
from pipelines.corpora.parquet import write_parquet
from tests.digits import drawn


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    """Small, since what is measured of it is no one's concern here."""
    write_parquet(Corpus("digits", drawn(1024), None), tmp_path / "digits.parquet")
    return f"parquet:{tmp_path / 'digits.parquet'}"


def bench(repo: Path, home: Path, *words: str) -> str:
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | {"INKRAY_HOME": str(home)}
    command = [sys.executable, "jobs/bench.py", *words]
    done = subprocess.run(command, cwd=repo, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_training_is_measured_against_both_rivals(repo: Path, corpus: str, tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    rounds = ("--networks", "mlp3", "--epochs", "2", "--rounds", "1", "--json", str(numbers))
    printed = bench(repo, tmp_path, "train", "--corpus", corpus, *rounds)
    assert "of by hand" in printed and "of usual" in printed
    rows = json.loads(numbers.read_text())
    assert len(rows) == 5
    assert all(speed > 0 for row in rows for speed in row["images_per_second"])


def test_reading_is_measured_for_every_source(repo: Path, corpus: str, tmp_path: Path) -> None:
    printed = bench(repo, tmp_path, "read", "--corpus", corpus)
    assert all(f"inkray, {source}" in printed for source in ("idx", "png folder", "parquet"))
