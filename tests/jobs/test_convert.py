"""The conversion job, as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.model_store import ModelStore
from tests.digits import builtin
from tests.in_process import Ended, RunJob
from tests.models import publish, taught


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("models")
    store = ModelStore(folder / "store")
    publish(store, taught(builtin().train.prepared(), steps=60), folder / "files")
    return store


Convert = Callable[..., Ended]


@pytest.fixture
def convert(run_job: RunJob, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> Convert:
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *words: run_job("convert.py", "--store", store, *words)


def test_a_version_gains_what_was_asked_for(convert: Convert, store: ModelStore, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    words = ("--model", "small", "--precision", "fp16", "--engines", "onnxruntime", "openvino", "--json", report)
    done = convert(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"small:1 in {store} has model.fp16.onnx, model.onnx"
    assert "making the fp16 graph" in done.stdout and "images/s" in done.stdout
    told = json.loads(report.read_text())
    assert told["model"] == "small:1" and told["refused"] == {} and len(told["parity"]) >= 4
    assert store.verify(store.resolve("small")) == []


def test_a_finished_run_can_be_named_in_place_of_its_model(convert: Convert, store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "result.json").write_text(json.dumps({"model": "small:1"}))
    done = convert("--run", "mine", "--runs", tmp_path, "--engines", "onnxruntime")
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
def test_bad_usage(words: tuple[str, ...], said: str, convert: Convert) -> None:
    done = convert(*words)
    assert (done.returncode, done.stderr) == (2, said)
