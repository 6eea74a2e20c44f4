"""The conversion job, as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.corpora.builtin import load_builtin
from pipelines.model_store import ModelStore
from tests.models import publish, taught


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("models")
    store = ModelStore(folder / "store")
    publish(store, taught(load_builtin().train.prepared(), steps=60), folder / "files")
    return store


def convert(repo: Path, store: ModelStore, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "jobs/convert.py", "--store", str(store), *map(str, words)]
    env = {**os.environ, "COLUMNS": "160"}
    return subprocess.run(command, cwd=repo, env=env, capture_output=True, text=True, timeout=200)


def test_a_version_gains_what_was_asked_for(repo: Path, store: ModelStore, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    words = ("--model", "small", "--precision", "fp16", "--engines", "onnxruntime", "openvino", "--json", report)
    done = convert(repo, store, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"small:1 in {store} has model.fp16.onnx, model.onnx"
    assert "making the fp16 graph" in done.stdout and "images/s" in done.stdout
    told = json.loads(report.read_text())
    assert told["model"] == "small:1" and told["refused"] == {} and len(told["parity"]) >= 4
    assert store.verify(store.resolve("small")) == []


def test_a_finished_run_can_be_named_in_place_of_its_model(repo: Path, store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "result.json").write_text(json.dumps({"model": "small:1"}))
    done = convert(repo, store, "--run", "mine", "--runs", tmp_path, "--engines", "onnxruntime")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"small:1 in {store} has ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "error: Name either --model NAME[:VERSION] or --run NAME.\n"),
        (("--model", "small", "--run", "mine"), "error: Name either --model NAME[:VERSION] or --run NAME.\n"),
        (
            ("--run", "mine", "--runs", "/nowhere"),
            "error: There is no finished run 'mine' in /nowhere; if it was interrupted, "
            "jobs/train.py --resume --name mine finishes it.\n",
        ),
    ],
)
def test_bad_usage(words: tuple[str, ...], said: str, repo: Path, store: ModelStore) -> None:
    done = convert(repo, store, *words)
    assert (done.returncode, done.stderr) == (2, said)
