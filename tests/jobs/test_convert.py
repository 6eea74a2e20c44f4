"""The conversion job, as a person runs it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.conversion import parity
from pipelines.models.store import ModelStore
from pipelines.networks.weights import WEIGHTS
from tests import lines
from tests.digits import builtin
from tests.in_process import Ended, RunJob
from tests.models import CLASSES, publish, taught


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("models")
    store = ModelStore(folder / "store")
    publish(store, taught(builtin().train.prepared(), steps=60), folder / "files")
    return store


Convert = Callable[..., Ended]


@pytest.fixture
def convert(run_job: RunJob, store: ModelStore) -> Convert:
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


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": '])
def test_a_run_whose_result_is_broken(content: str, convert: Convert, tmp_path: Path) -> None:
    result = tmp_path / "mine" / "result.json"
    result.parent.mkdir()
    result.write_text(content)
    done = convert("--run", "mine", "--runs", tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {result} does not tell which model the run published; name that with --model NAME:VERSION.\n",
    )


def test_a_graph_is_judged_whatever_engines_are_named(convert: Convert) -> None:
    pytest.importorskip("tensorrt_rtx")
    done = convert("--model", "small", "--engines", "tensorrt_rtx", "--capabilities", 89)
    assert done.returncode == 0, done.stderr
    assert "onnxruntime" in done.stdout and "-sm89-fp32-" in done.stdout.splitlines()[-1]


def test_a_plan_that_cannot_be_built_is_told_and_the_rest_published(convert: Convert, store: ModelStore) -> None:
    pytest.importorskip("tensorrt_rtx")
    done = convert("--model", "small", "--engines", "tensorrt_rtx", "--capabilities", 75)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: There is no plan for tensorrt_rtx in fp32: tensorrt_rtx cannot build a plan: "
    )
    assert f". small:1 in {store} has " in done.stderr and "model.onnx" in done.stderr


def test_what_was_refused_is_told_as_it_is(convert: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(tmp_path / "own")
    publish(store, taught(builtin().train.prepared(), steps=1), tmp_path / "files")
    words = ("--store", store, "--model", "small", "--engines", "onnxruntime")
    with monkeypatch.context() as strict:
        strict.setattr(parity, "LEAST_AGREEMENT", 1.1)
        done = convert(*words, "--precision", "fp16")
        assert done.returncode == 1
        assert done.stderr.startswith("error: The fp32 graph is not published: onnxruntime in fp32 reads 100.000 % of ")
        assert done.stderr.endswith(
            ". The fp16 graph is not published: the fp32 graph, of which it is made, is refused. "
            f"small:1 in {store} has no graph.\n"
        )
    assert convert(*words).returncode == 0
    monkeypatch.setattr(parity, "LEAST_AGREEMENT", 1.1)
    said = convert(*words).stderr
    assert said.startswith("error: The fp32 graph was published before and stays, though it would be refused now: ")
    assert said.endswith(f". small:1 in {store} has model.onnx.\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "error: Name either --model NAME[:VERSION] or --run NAME.\n"),
        (("--model", "small", "--run", "mine"), "error: Name either --model NAME[:VERSION] or --run NAME.\n"),
        (
            ("--model", "small", "--engines"),
            "error: No engine is named; known: all, onnxruntime, openvino, tensorrt, tensorrt_rtx (--engines).\n",
        ),
        (
            ("--run", "mine", "--runs", "/nowhere"),
            "error: There is no finished run 'mine' in /nowhere; if it was interrupted, "
            "inkray train --resume --name mine --runs /nowhere finishes it.\n",
        ),
    ],
)
def test_bad_usage(words: tuple[str, ...], said: str, convert: Convert) -> None:
    done = convert(*words)
    assert (done.returncode, done.stderr) == (2, said)


def test_a_model_that_does_not_tell_what_it_learnt_from_is_judged_on_what_is_named(
    convert: Convert, store: ModelStore, tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    shutil.copy(store.fetch(store.resolve("small")) / WEIGHTS, tmp_path / "files")
    store.publish("untold", tmp_path / "files", {"classes": CLASSES})
    done = convert("--model", "untold", "--engines", "onnxruntime")
    assert (done.returncode, done.stderr) == (
        2,
        "error: untold:1 does not tell which corpus it learnt from; name one by --on.\n",
    )
    done = convert("--model", "untold", "--engines", "onnxruntime", "--on", "builtin")
    assert done.returncode == 0, done.stderr


def test_a_gpu_that_nothing_is_built_for_is_refused_first(convert: Convert) -> None:
    pytest.importorskip("tensorrt_rtx")
    done = convert("--model", "small", "--capabilities", 90, "--on", "nothing")
    assert done.returncode == 2
    assert done.stderr.startswith("error: tensorrt_rtx cannot build for compute capability 90; it knows ")


def test_a_reader_of_lines_has_its_graph_already(convert: Convert, store: ModelStore, tmp_path: Path) -> None:
    lines.publish(store, tmp_path / "files")
    done = convert("--model", "lines")
    assert (done.returncode, done.stderr) == (
        2,
        "error: lines:1 reads lines: it was published with its graph, in fp32 for the CPU, and has no other.\n",
    )
