"""How well a model reads, as a person asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from pipelines.corpora import Corpus
from pipelines.corpora.parquet import write_parquet
from pipelines.drawing.non_digits import JUNK
from pipelines.evaluation import digits
from pipelines.evaluation.corruptions import CORRUPTIONS
from pipelines.models.store import ModelStore
from pipelines.networks.architectures import Reader
from pipelines.training import checkpoint
from tests.digits import drawn
from tests.in_process import Ended, RunJob


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store with one untrained reader, which is all that is needed to be judged."""
    torch.manual_seed(0)
    files = tmp_path / "files"
    files.mkdir()
    description = {"network": "small", "classes": 10, "mean": 0.13, "deviation": 0.31}
    checkpoint.save(files, description, Reader(**description), {}, [])
    store = ModelStore(tmp_path / "store")
    store.publish("small", files, {"classes": [str(digit) for digit in range(10)]})
    return store


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    write_parquet(Corpus("digits", drawn(200), None), tmp_path / "digits.parquet")
    return f"parquet:{tmp_path / 'digits.parquet'}"


Evaluate = Callable[..., Ended]


@pytest.fixture
def evaluate(run_job: RunJob, store: ModelStore) -> Evaluate:
    return lambda *words: run_job("evaluate.py", "--store", store, *words)


def test_numbers_and_pictures(evaluate: Evaluate, corpus: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = evaluate("--model", "small", "--on", corpus, "--out", out)
    assert done.returncode == 0, done.stderr
    numbers = json.loads((out / "scores.json").read_text())
    assert numbers["model"] == "small:1"
    assert numbers["count"] == 200 == sum(map(sum, numbers["confusion"]))
    assert done.stdout.splitlines()[-1].startswith(f"small:1 on {corpus}: accuracy {numbers['accuracy'] * 100:.2f} % (")
    assert all((out / name).stat().st_size > 5000 for name in ("confusion.png", "reliability.png", "misread.png"))


def test_the_model_that_comes_with_the_code(evaluate: Evaluate, corpus: str, tmp_path: Path) -> None:
    done = evaluate("--model", "builtin", "--on", corpus, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"builtin:1 on {corpus}: accuracy ")


def test_other_images_and_what_is_no_digit_are_read_too_and_names_are_shown_as_they_are(
    evaluate: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The thousand of each kind take many seconds to draw.
    monkeypatch.setattr(digits, "refusals", partial(digits.refusals, count=10))
    write_parquet(Corpus("digits", drawn(40), drawn(20, seed=4)), tmp_path / "two[red].parquet")
    on, out = f"parquet:{tmp_path / 'two[red].parquet'}", tmp_path / "out[red]"
    done = evaluate("--model", "small", "--on", on, "--split", "train", "--corrupted", "--junk", "--out", out)
    assert done.returncode == 0, done.stderr
    numbers = json.loads((out / "scores.json").read_text())
    assert numbers["count"] == 40
    assert numbers["corrupted"].keys() == CORRUPTIONS.keys()
    assert numbers["refused"]["by_kind"].keys() == JUNK.keys()
    for words in ("accuracy under", "refused below", "not known from fewer than 999 images"):
        assert words in done.stdout
    told = done.stdout.splitlines()
    assert told[-2] == f"pictures and scores.json in {out}"
    assert told[-1].startswith(f"small:1 on {on}: accuracy ")


def test_an_unknown_model(evaluate: Evaluate, corpus: str, tmp_path: Path) -> None:
    done = evaluate("--model", "smal", "--on", corpus, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "Did you mean 'small'?" in done.stderr and "Traceback" not in done.stderr


def test_a_single_changed_bit_in_the_weights(
    evaluate: Evaluate, store: ModelStore, corpus: str, tmp_path: Path
) -> None:
    weights = store.fetch(store.resolve("small")) / "weights.pt"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    done = evaluate("--model", "small", "--on", corpus, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: small:1 in {weights.parent} is not as it was published (weights.pt); "
        "restore it, or publish it again.\n",
    )
