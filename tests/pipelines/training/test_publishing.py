from __future__ import annotations

import json
import shutil
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.corpora.corpus import Corpus, Split
from pipelines.evaluation import plots
from pipelines.evaluation.digits import evaluate, write_history
from pipelines.evaluation.metrics import Scores
from pipelines.inference.engines.pytorch import PyTorchEngine
from pipelines.models.store import ModelStore
from pipelines.networks.weights import load_reader
from pipelines.training import checkpoint
from pipelines.training.options import DIGITS
from pipelines.training.publishing import FILES, git_commit, publish
from pipelines.training.run import Trained
from tests.digits import drawn, new_reader, plain

HISTORY = [
    {"epoch": 1, "train_loss": 0.9, "val_loss": 0.8, "val_accuracy": 0.75},
    {"epoch": 2, "train_loss": 0.5, "val_loss": 0.4, "val_accuracy": 0.875},
    {"epoch": 3, "train_loss": 0.3, "val_loss": 0.5, "val_accuracy": 0.85},
]
RECIPE = plain(epochs=3)


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    """The folder of a run that has ended, without its pictures of the test split."""
    folder = tmp_path / "run"
    folder.mkdir()
    torch.manual_seed(0)
    description = {"network": "small", "classes": 10, "mean": 0.13, "deviation": 0.31}
    checkpoint.save(folder, description, new_reader(), {}, HISTORY)
    write_history(HISTORY, folder / "history.csv")
    plots.curves(HISTORY, folder / "curves.png")
    return Trained(folder, HISTORY, best_epoch=2)


def judged(trained: Trained, corpus: Corpus) -> Scores | None:
    if corpus.test is None:
        return None
    with PyTorchEngine(load_reader(trained.folder), 1) as engine:
        return evaluate(engine.run(corpus.test.images), corpus.test, DIGITS, trained.folder)


def test_a_version_holds_the_files_the_manifest_and_the_card(trained: Trained, tmp_path: Path) -> None:
    corpus = Corpus("builtin", drawn(60), drawn(30, seed=4))
    scores = judged(trained, corpus)
    assert scores is not None
    store = ModelStore(tmp_path / "store")
    version = publish(store, "reader", trained, RECIPE, corpus, scores)

    assert version.reference == "reader:1"
    assert version.files.keys() == {*FILES, "card.md"}
    assert store.verify(version) == []
    loaded = load_reader(store.fetch(version)).state_dict()
    own = load_reader(trained.folder).state_dict()
    assert all(torch.equal(loaded[name], own[name]) for name in own)
    check_manifest(store.resolve("reader").manifest, corpus, scores)
    card = (store.fetch(version) / "card.md").read_text()
    assert card.startswith("# reader\n")
    assert (
        "The network `small`, trained for 3 epochs on 60 images of `builtin`; "
        "epoch 2 read the held-back validation images best (87.50 %)." in card
    )
    low, high = scores.interval
    assert f"interval) | {scores.accuracy * 100:.2f} % ({low * 100:.2f}-{high * 100:.2f}) |" in card
    assert "| learning_rate | 0.004 |" in card


def check_manifest(manifest: dict[str, Any], corpus: Corpus, scores: Scores) -> None:
    assert corpus.test is not None
    assert manifest["classes"] == list("0123456789")
    assert manifest["input"] == {"name": "images", "dtype": "uint8", "shape": ["N", 28, 28], "ink": "bright on dark"}
    assert manifest["recipe"]["epochs"] == 3
    assert manifest["data"] == {
        "corpus": "builtin",
        "train": {"images": 60, "sha256": corpus.train.fingerprint()},
        "test": {"images": 30, "sha256": corpus.test.fingerprint()},
    }
    assert manifest["best_epoch"] == 2
    assert manifest["metrics"]["validation_accuracy"] == 0.875
    assert manifest["metrics"]["test"] == json.loads(json.dumps(scores.as_dict()))
    assert manifest["versions"].keys() == {"python", "inkray", "ray", "torch", "numpy"}
    assert manifest["git_commit"] == git_commit()


def test_a_corpus_without_a_test_split_is_published_without_test_numbers(trained: Trained, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    version = publish(store, "reader", trained, RECIPE, Corpus("folder:x", drawn(60), None), None)
    assert version.files.keys() == {"weights.pt", "history.csv", "curves.png", "card.md"}
    assert version.manifest["data"]["test"] is None
    assert version.manifest["metrics"]["test"] is None
    assert "test images" not in (store.fetch(version) / "card.md").read_text()


def test_a_test_split_that_lacks_a_digit_can_be_published(trained: Trained, tmp_path: Path) -> None:
    some = drawn(30, seed=4)
    corpus = Corpus("folder:x", drawn(60), Split(some.images[some.labels != 7], some.labels[some.labels != 7]))
    version = publish(ModelStore(tmp_path / "store"), "reader", trained, RECIPE, corpus, judged(trained, corpus))
    per_class = version.manifest["metrics"]["test"]["per_class"]
    assert [label for label, share in enumerate(per_class) if share is None] == [7]


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit_of(installation: Path) -> str | None:
    spec = spec_from_file_location("installed_publishing", installation / "pipelines" / "training" / "publishing.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.git_commit()


def test_the_commit_is_of_the_code_itself_or_none(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    shutil.copytree(repo / "pipelines", home / "pipelines")
    # Above the folder git must not look, wherever the temporary files lie.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert commit_of(home) is None
    git(home, "init")
    (home / "theirs.txt").write_text("another project")
    git(home, "add", "theirs.txt")
    git(home, "commit", "-m", "theirs")
    assert commit_of(home) is None, "the commit of a project that inkray is installed in is not inkray's"
    git(home, "add", "pipelines")
    git(home, "commit", "-m", "ours")
    assert commit_of(home) == git(home, "rev-parse", "HEAD")
