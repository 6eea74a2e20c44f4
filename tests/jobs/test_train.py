"""Training as a person runs it: alone, on a cluster, and asked for what makes no sense."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from psutil import Process

from pipelines.corpora import Corpus
from pipelines.corpora.parquet import write_parquet
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.models.store import ModelStore
from pipelines.models.version import Version
from tests.clusters import RayCluster
from tests.digits import drawn
from tests.processes import Home, Job, cluster_processes, gone, listening_elsewhere, new_home, train_workers
from tests.refusals import Refused

RECIPE = ("--network", "small", "--epochs", 3, "--batch", 60, "--augment", "none", "--precision", "fp32")
PICTURES = ("curves.png", "confusion.png", "misread.png", "reliability.png")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("corpus") / "digits.parquet"
    write_parquet(Corpus("digits", drawn(3000), drawn(500, seed=4)), file)
    return f"parquet:{file}"


@dataclass(frozen=True)
class Finished:
    home: Home
    job: Job
    processes: list[Process]
    elsewhere: dict[str, str]

    @property
    def folder(self) -> Path:
        return self.home.runs / "first"

    @property
    def numbers(self) -> dict:
        return json.loads((self.home.folder / "numbers.json").read_text())

    @property
    def store(self) -> ModelStore:
        return ModelStore(self.home.folder / "ink" / "store")

    @property
    def version(self) -> Version:
        return self.store.resolve("small:1")


@pytest.fixture(scope="module")
def finished(corpus: str, repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """A whole run with a Ray of its own."""
    with new_home(tmp_path_factory.mktemp("home")) as home:
        options = ("--corpus", corpus, *RECIPE, "--name", "first", "--json", "numbers.json")
        with home.start(repo / "jobs" / "train.py", *options) as job:
            job.says("epoch 1/3")
            processes = home.processes()
            elsewhere = listening_elsewhere(processes)
            assert job.ended() == 0, job.err
        yield Finished(home, job, processes, elsewhere)


def test_it_ends_with_the_accuracy_and_its_interval(finished: Finished) -> None:
    assert re.fullmatch(r"small:1 test accuracy \d+\.\d\d % \(\d+\.\d\d-\d+\.\d\d\)", finished.job.last_line)
    assert finished.numbers["test"]["accuracy"] > 0.95
    assert f"test accuracy {finished.numbers['test']['accuracy'] * 100:.2f} % (" in finished.job.last_line


def test_nothing_of_it_listens_beyond_loopback(finished: Finished) -> None:
    assert finished.elsewhere == {}


def test_it_says_one_line_an_epoch(finished: Finished) -> None:
    first, *epochs, published, _ = finished.job.out.splitlines()
    assert first == f"run first in {finished.home.runs}"
    pattern = r"epoch (\d)/3  loss \d\.\d{4}  validation loss \d\.\d{4}  accuracy \d+\.\d\d %  [\d,]+ images/s"
    assert [re.fullmatch(pattern, line)[1] for line in epochs] == ["1", "2", "3"]
    assert published == f"published to {finished.store}"


def test_it_leaves_its_history_its_pictures_and_its_result(finished: Finished) -> None:
    for name in PICTURES:
        assert (finished.folder / name).read_bytes().startswith(b"\x89PNG")
    assert list((finished.folder / "tensorboard").glob("events.out.tfevents.*"))
    rows = list(csv.DictReader((finished.folder / "history.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["val_loss"]) for row in rows] == [row["val_loss"] for row in finished.numbers["history"]]
    assert json.loads((finished.folder / "result.json").read_text()) == finished.numbers


def test_the_model_is_in_the_store_with_the_same_numbers(finished: Finished) -> None:
    version = finished.version
    assert finished.store.verify(version) == []
    assert {"weights.pt", "card.md", "history.csv", *PICTURES} == version.files.keys()
    assert version.manifest["metrics"]["test"] == finished.numbers["test"]
    assert version.manifest["recipe"] == finished.numbers["recipe"]
    assert version.manifest["recipe"]["network"] == "small"


def test_its_ray_is_gone_with_all_it_wrote(finished: Finished) -> None:
    assert len(finished.processes) > 3
    assert gone(finished.processes)
    assert list(finished.home.scratch.glob("inkray-*")) == []
    assert not (Path(finished.home.env["HOME"]) / ".ray").exists()


def test_a_finished_run_is_neither_begun_anew_nor_continued(finished: Finished, refused: Refused) -> None:
    again = ("--corpus", finished.numbers["recipe"]["corpus"], *RECIPE, "--name", "first", "--runs", finished.home.runs)
    assert refused(*again) == (
        2,
        f"error: The run 'first' in {finished.home.runs} is finished; give another name to start anew (--name).\n",
    )
    assert refused(*again, "--resume") == (
        2,
        f"error: The run 'first' in {finished.home.runs} is finished: there is nothing to resume.\n",
    )


@pytest.fixture(scope="module")
def clustered(ray_cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("clustered"), ray_cluster) as home:
        yield home


def test_two_workers_on_a_cluster_learn_what_one_does(
    clustered: Home, ray_cluster: RayCluster, finished: Finished, corpus: str, repo: Path
) -> None:
    options = ("--corpus", corpus, *RECIPE, "--workers", 2, "--json", "two.json")
    elsewhere: dict[str, str] = {}
    most = 0
    with clustered.start(repo / "jobs" / "train.py", *options) as job:
        # From before they meet, since the later epochs may be over before anybody looks.
        while "epoch 1/" not in job.out and job.process.poll() is None:
            processes = cluster_processes(ray_cluster)
            elsewhere |= listening_elsewhere(processes)
            most = max(most, len(train_workers(processes)))
        assert job.ended() == 0, job.err
    assert (most, elsewhere) == (2, {})
    two = json.loads((clustered.folder / "two.json").read_text())
    for mine, other in zip(two["history"], finished.numbers["history"], strict=True):
        assert mine["train_loss"] == pytest.approx(other["train_loss"], rel=0.05)
    assert two["test"]["accuracy"] == pytest.approx(finished.numbers["test"]["accuracy"], abs=0.02)


def test_a_loss_that_is_no_number_ends_the_run_at_its_last_good_epoch(clustered: Home, corpus: str, repo: Path) -> None:
    # The rate climbs for four epochs, and from where rate times decay passes about 1.4 the weights grow without end.
    unstable = ("--optimizer", "sgd", "--learning-rate", 1, "--weight-decay", 3, "--epochs", 20, "--batch", 60)
    plain = ("--network", "mlp3", "--augment", "none", "--precision", "fp32")
    job = clustered.run(repo / "jobs" / "train.py", "--corpus", corpus, *unstable, *plain, "--name", "unstable")
    assert job.process.returncode == 1
    said = re.fullmatch(
        r"error: The loss is not a number at step \d+ of 46 in epoch (\d+); the checkpoint of epoch (\d+) is kept\. "
        r"Try a smaller learning rate than 1, or clip the gradient to 1\.\n",
        job.err,
    )
    assert said, job.err
    assert int(said[2]) == int(said[1]) - 1 >= 1
    kept = (clustered.runs / "unstable" / "ray").glob("*/history.json")
    assert max(len(json.loads(file.read_text())) for file in kept) == int(said[2])
    assert "going on" not in job.out
    assert not (clustered.runs / "unstable" / "result.json").exists()


def test_weights_that_blow_up_in_the_last_step_are_no_result(clustered: Home, corpus: str, repo: Path) -> None:
    """One step: its loss is that of the first weights, and only the judgement sees the next."""
    runs = clustered.folder / "[bold]"
    options = ("--epochs", 1, "--batch", 2700, "--optimizer", "sgd", "--learning-rate", 1e38, "--schedule", "step")
    plain = ("--network", "mlp3", "--augment", "none", "--precision", "fp32", "--runs", runs, "--name", "blown")
    job = clustered.run(repo / "jobs" / "train.py", "--corpus", corpus, *options, *plain)
    assert (job.process.returncode, job.err) == (
        1,
        "error: The validation loss is not a number after epoch 1; there is no checkpoint yet. "
        "Try a smaller learning rate than 1e+38, or clip the gradient to 1.\n",
    )
    assert job.out == f"run blown in {runs}\n"


def test_a_run_killed_just_after_it_had_published_publishes_nothing_twice(
    clustered: Home, finished: Finished, corpus: str, repo: Path
) -> None:
    shutil.copytree(finished.folder, clustered.runs / "first")
    (clustered.runs / "first" / "result.json").unlink()
    options = ("--corpus", corpus, *RECIPE, "--name", "first", "--store", finished.store, "--resume")
    job = clustered.run(repo / "jobs" / "train.py", *options)
    assert job.process.returncode == 0, job.err
    assert job.last_line == finished.job.last_line
    assert [version.number for version in finished.store.versions("small")] == [1]
    assert json.loads((clustered.runs / "first" / "result.json").read_text()) == finished.numbers


def test_more_workers_than_there_are_cpus(clustered: Home, corpus: str, repo: Path) -> None:
    options = ("--corpus", corpus, "--workers", 5, "--cpus-per-worker", 1, "--batch", 50, "--name", "crowd")
    for _ in range(2):
        job = clustered.run(repo / "jobs" / "train.py", *options)
        assert job.process.returncode == 1
        assert re.fullmatch(
            r"error: 5 workers with 1 CPUs each do not fit: there is room for [1-4] in what is free, "
            r"node by node: [1-4] CPUs and 0 GPUs\. Take fewer workers, or less for each \(--workers\)\.\n",
            job.err,
        )


def test_an_address_where_no_cluster_is(
    corpus: str, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    for _ in range(2):
        assert refused("--corpus", corpus, "--runs", tmp_path, "--name", "first") == (
            1,
            "error: No Ray cluster answers at RAY_ADDRESS=127.0.0.1:9 (Connection refused). "
            "Start one with `inkray cluster up`, or unset RAY_ADDRESS to run without.\n",
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--network lenet",
            "There is no network 'lenet'; known: cnn, ink, lenet5, lines, mlp3, mlp5, small, small-dropout. "
            "Did you mean 'lenet5'?",
        ),
        (
            "--corpus minst",
            "There is no corpus 'minst'; known: builtin, folder:PATH, idx:IMAGES,LABELS, mnist, parquet:PATH. "
            "Did you mean 'mnist'?",
        ),
        ("--corpus parquet:/nowhere", "There is no file or folder /nowhere; check the path in 'parquet:/nowhere'."),
        ("--learning-rate 0", "learning_rate is 0; it must be above 0 (--learning-rate)."),
        ("--epochs 0", "epochs is 0; it must be at least 1 (--epochs)."),
        ("--workers 0", "workers is 0; it must be at least 1 (--workers)."),
        ("--cpus-per-worker -1", "cpus_per_worker is -1; it must be above 0 (--cpus-per-worker)."),
        ("--cpus-per-worker nan", "cpus_per_worker is nan; it must be above 0 (--cpus-per-worker)."),
        ("--gpus-per-worker -1", "gpus_per_worker is -1; it must be at least 0 (--gpus-per-worker)."),
        *(
            (
                f"--gpus-per-worker {gpus}",
                f"gpus_per_worker is {gpus}; it must be 0, a share of one GPU such as 0.25, or a whole number "
                "(--gpus-per-worker).",
            )
            for gpus in ("1.5", "1e-05")
        ),
        (
            "--name ../../esc",
            "The run name '../../esc' will not do: use letters, digits, '-', '_' and '.', a letter or digit first.",
        ),
        (
            "--model builtin",
            "The model name 'builtin' is that of a model that comes with inkray; take another.",
        ),
        ("--resume", "--resume needs the --name of the run to go on with."),
    ],
)
def test_what_makes_no_sense(arguments: str, message: str, refused: Refused) -> None:
    assert refused(*arguments.split()) == (2, f"error: {message}\n")


def test_a_run_to_resume_that_never_was(corpus: str, refused: Refused, tmp_path: Path) -> None:
    assert refused("--corpus", corpus, "--resume", "--name", "never") == (
        2,
        f"error: There is no run 'never' in {tmp_path}/ink/runs to resume; "
        "check the name, or start it anew (--resume).\n",
    )


def test_a_batch_that_cannot_be_shared_leaves_the_name_free(corpus: str, refused: Refused) -> None:
    for _ in range(2):
        assert refused("--corpus", corpus, "--workers", 3, "--batch", 100, "--name", "a") == (
            2,
            "error: A batch of 100 cannot be shared evenly by 3 workers; take a multiple of 3 (--batch).\n",
        )


def test_a_store_that_cannot_be_written_is_told_before_anything_is_done(
    corpus: str, refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    code, said = refused("--corpus", corpus, "--store", tmp_path / "file" / "store")
    assert code == 1
    assert said.startswith(f"error: The model store {tmp_path}/file/store cannot be written")
    assert said.count("\n") == 1
    assert not (tmp_path / "ink" / "runs").exists()


def test_a_folder_for_runs_that_cannot_be_written(corpus: str, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refused("--corpus", corpus, "--runs", tmp_path / "file", "--name", "a") == (
        2,
        f"error: The run's folder {tmp_path}/file/a cannot be written: Not a directory; "
        "name another place for runs (--runs).\n",
    )


def test_a_reader_of_lines_is_taught_and_published_with_its_graph(clustered: Home, corpus: str, repo: Path) -> None:
    options = ("--recipe", "lines", "--corpus", corpus, "--lines", 90, "--batch", 30, "--epochs", 1, "--workers", 2)
    job = clustered.run(repo / "jobs" / "train.py", *options, "--name", "whole", "--json", "lines.json")
    assert job.process.returncode == 0, job.err
    assert re.fullmatch(r"lines:1 test accuracy \d+\.\d\d % \(\d+\.\d\d-\d+\.\d\d\)", job.last_line)
    told = json.loads((clustered.folder / "lines.json").read_text())["test"]
    assert (told["count"], told["accepted_share"]) == (90, None)
    store = ModelStore(clustered.folder / "ink" / "store")
    version = store.resolve("lines:1")
    assert version.files.keys() == {"weights.pt", "model.onnx", "history.csv", "curves.png", "card.md"}
    assert version.manifest["classes"] == [*"0123456789", ""]
    assert version.manifest["data"]["lines"] == 90
    card = (store.fetch(version) / "card.md").read_text()
    assert "trained for 1 epochs on 90 drawn lines" in card and "| lines | 90 |" in card
    assert len(list((clustered.runs / "whole" / "lines").glob("*.parquet"))) == 3
    assert LineRecognizer("lines", store=str(store))([np.zeros((48, 64), np.uint8)])[0].shape == (32, 11)
