"""What can be known of the GPU's bench without a GPU: what it refuses, counts and says, and its way on a stand-in."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from jobs import bench
from jobs._cli import run
from jobs.benches.gpu import bench as gpu
from jobs.benches.gpu import contenders
from jobs.benches.gpu.actors import ActorSpec, speed_of
from jobs.benches.gpu.limits import GpuLimits, operations_per_image
from jobs.benches.gpu.tables import GpuRow, speed_goals, training_goals
from jobs.benches.gpu.training import TrainingRun, TrainingRuns, train_often
from pipelines.corpora import Corpus
from pipelines.errors import EngineError, UsageError
from pipelines.inference.engines import open_engine, torch_cuda
from pipelines.models.folder import PRETRAINED, open_model
from tests.digits import drawn, new_reader, plain
from tests.in_process import RunJob
from tests.no_card import Graph, no_card

LIMITS = GpuLimits(bytes_per_second=784e6, operations_per_second=3e12, operations_per_image=1_000_000)
CPU = torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("words", [[], ["--training"]])
def test_without_a_gpu_it_is_refused(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench.py", "gpu", *words])
    with pytest.raises(SystemExit) as ended:
        run(bench.Bench, bench.main)
    said = "error: This bench needs a CUDA GPU that PyTorch can use, and there is none here.\n"
    assert (ended.value.code, capsys.readouterr().err) == (2, said)


@pytest.mark.parametrize(
    ("network", "products"),
    [
        ("mlp3", 784 * 512 + 512 * 512 + 512 * 10),
        ("small", 24 * 24 * 10 * 25 + 8 * 8 * 20 * 10 * 25 + 320 * 50 + 50 * 10),
    ],
)
def test_an_image_costs_its_products_and_their_sums(network: str, products: int) -> None:
    assert operations_per_image(new_reader(network)) == 2 * products


def test_the_lower_limit_counts() -> None:
    assert (LIMITS.by_copy, LIMITS.by_arithmetic, LIMITS.images_per_second) == (1e6, 3e6, 1e6)


@pytest.mark.parametrize(("share", "seconds", "reached"), [(0.71, 149e-6, True), (0.69, 151e-6, False)])
def test_the_goals_are_those_of_our_best_engine(share: float, seconds: float, reached: bool) -> None:
    rows = [
        GpuRow("ours", True, 16384, share * 1e6, 1e6, 1.0),
        GpuRow("ours, slower", True, 16384, 1.0, 1.0, 1.0),
        GpuRow("ours", True, 1, 1.0, 1.0, seconds),
        GpuRow("a rival", False, 16384, 1e6, 1e6, 1.0),
        GpuRow("a rival", False, 1, 1.0, 1.0, 1e-6),
    ]
    assert [goal.reached for goal in speed_goals(rows, LIMITS)] == [reached, reached]


def test_a_goal_without_a_figure_is_missed() -> None:
    assert not any(goal.reached for goal in speed_goals([], LIMITS))


def test_a_training_is_judged_by_its_means() -> None:
    runs = TrainingRuns([TrainingRun(4.0, 0.9950), TrainingRun(5.0, 0.9932)])
    assert [goal.reached for goal in training_goals(runs, 0.994)] == [True, True]
    assert [goal.reached for goal in training_goals(runs, 0.997)] == [False, True]


def test_trainings_differ_by_their_seed_alone() -> None:
    options = plain(network="mlp3", epochs=2, batch=50)
    corpus = Corpus("drawn", drawn(500), drawn(100, seed=4))
    first, second = (train_often(options, corpus, CPU, seeds=2) for _ in range(2))
    assert [run.accuracy for run in first.each] == [run.accuracy for run in second.each]
    assert len(first.each) == 2
    assert first.accuracy > 0.3
    assert first.seconds > 0
    with pytest.raises(UsageError, match="has no test split"):
        train_often(options, Corpus("drawn", drawn(50), None), CPU, seeds=1)


def test_actors_read_side_by_side() -> None:
    found = speed_of([ActorSpec(PRETRAINED, "onnxruntime", 8, 0.05)] * 2)
    assert found.precision == "fp32"
    assert found.images_per_second > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_actor_that_cannot_read_is_not_waited_for_and_tells_why() -> None:
    """The other one knows but that it waited in vain."""
    specs = [ActorSpec(PRETRAINED, name, 8, 0.05) for name in ("onnxruntime", "torch_cuda")]
    with pytest.raises(EngineError, match="torch_cuda needs a CUDA GPU"):
        speed_of(specs)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(contenders, "CARD", "cpu")
    # A CPU takes ten times as long in fp16.
    monkeypatch.setattr(contenders, "HALF", torch.bfloat16)
    monkeypatch.setitem(torch_cuda.TYPES, "fp16", torch.bfloat16)
    monkeypatch.setattr(contenders, "capture", Graph)
    monkeypatch.setattr(contenders, "compiled", contenders.eagerly)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    with no_card():
        yield


@pytest.mark.parametrize("count", [1, 40])
def test_every_contender_reads_the_same(stand_in: None, count: int) -> None:
    images, model = drawn(count).images, open_model("builtin")
    answers = {}
    for name, opened in contenders.contenders().items():
        with opened(model) as contender:
            for _ in range(2):
                answers[name] = contender.read(images)
            contender.on_card(images)
    truth = answers.pop("PyTorch eager, fp32")
    assert isinstance(truth, np.ndarray)
    assert len(answers) >= 5
    for name, answer in answers.items():
        assert np.allclose(answer, truth, atol=0.05), name


@pytest.mark.skipif(contenders.ON_CUDA in onnxruntime.get_available_providers(), reason="there is the provider")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_rival_that_fell_back_to_the_cpu_is_not_measured() -> None:
    with pytest.raises(EngineError, match="would read on the CPU instead"):
        contenders.onnx_runtime(open_model("builtin")).__enter__()


def test_the_model_is_read_in_fp16_as_the_rivals_read_it() -> None:
    builtin = open_model("builtin")
    assert "fp16" not in builtin.precisions
    with contenders.with_half(builtin) as model:
        assert model.changed_files() == []
        with contenders.with_half(model) as same, open_engine("onnxruntime", same, "fp16") as engine:
            assert same is model
            assert engine.run(drawn(5).images).shape == (5, 11)
    assert not model.path.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rounds", "0"], "--rounds 0 leaves nothing to measure; give 1 or more."),
        (["--batches", "64", "0"], "--batches 0 leaves nothing to measure; give 1 or more."),
        (["--batches"], "Give at least one number after --batches."),
        (["--seconds", "0"], "--seconds 0 is no time to measure in; give more than 0."),
    ],
)
@pytest.mark.parametrize("bench", ["engine", "gpu"])
def test_a_bench_of_nothing_is_refused(bench: str, words: list[str], said: str, run_job: RunJob) -> None:
    refused = run_job("bench.py", bench, "--model", "builtin", *words)
    assert (refused.returncode, refused.stderr) == (2, f"error: {said}\n")


@pytest.mark.parametrize("option", ["seeds", "epochs", "actors"])
def test_a_gpu_bench_of_nothing_is_refused(option: str, run_job: RunJob) -> None:
    refused = run_job("bench.py", "gpu", f"--{option}", 0)
    assert (refused.returncode, refused.stderr) == (
        2,
        f"error: --{option} 0 leaves nothing to measure; give 1 or more.\n",
    )


def test_everything_is_measured_and_kept(
    stand_in: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(images: Tensor) -> Tensor:
        raise RuntimeError("no compiler\nadvice")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(contenders, "compiled", lambda forward: broken)
    monkeypatch.setattr(gpu, "card", lambda: {"card": "none"})
    monkeypatch.setattr(gpu, "measure_limits", lambda reader: LIMITS)
    file = tmp_path / "numbers.json"
    gpu.GpuBench(batches=(1, 20), rounds=1, seconds=0.001, actors=(), json=file).run()
    saved = json.loads(file.read_text())
    assert saved["missing"] == {"torch.compile, fp16 autocast": "no compiler"}
    ours = {f"{name}, fp16" for name in contenders.our_names() if name not in saved["missing"]}
    assert {row["name"] for row in saved["rows"] if row["ours"]} == ours
    rivals = {"PyTorch eager, fp32", "PyTorch eager, fp16 autocast", "CUDA graph by hand, fp16 autocast"}
    assert {(row["name"], row["batch"]) for row in saved["rows"]} == {
        (name, batch) for name in ours | rivals for batch in (1, 20)
    }
    assert all(row["host_to_host"] > 0 and row["on_card"] > 0 and row["seconds"] > 0 for row in saved["rows"])
    printed = capsys.readouterr().out
    assert "not measured: torch.compile, fp16 autocast: no compiler" in printed
    assert "missed" in printed
