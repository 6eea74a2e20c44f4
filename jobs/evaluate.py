#!/usr/bin/env python
"""Say how well a model reads a corpus."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from jobs._cli import run
from pipelines.corpora import Corpus, Split, load_corpus
from pipelines.errors import StoreError, UsageError
from pipelines.evaluation import evaluate
from pipelines.metrics import Scores
from pipelines.model_folder import open_model
from pipelines.model_store import ModelStore
from pipelines.recognizer import Recognizer


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Say how well a model reads a corpus.

    python jobs/evaluate.py --model ink --on mnist --out /tmp/ink-on-mnist
    """

    model: Annotated[str, arg(metavar="NAME[:VERSION]")]
    """A model of the store: its newest version, or the one with this number or alias. builtin comes with inkray."""
    on: Annotated[str, arg(metavar="SPEC")] = "mnist"
    """mnist, builtin, idx:IMAGES,LABELS, folder:PATH or parquet:PATH."""
    split: Literal["test", "train"] = "test"
    """A corpus of one split has only train, and is read whole without being asked."""
    engine: str = "auto"
    """auto, pytorch, onnxruntime, openvino, tensorrt or tensorrt_rtx."""
    precision: str = "auto"
    """What the engine computes in: auto, fp32, bf16, fp16 or int8, as far as it can and the model has the graph."""
    out: Path = Path("evaluation")
    """The folder for scores.json and the pictures."""
    store: str | None = None
    """The model store; by default INKRAY_STORE, else ~/inkray/store."""


def main(options: Evaluate) -> None:
    model = open_model(options.model, ModelStore(options.store) if options.store else None)
    # Weights with a flipped bit load without complaint, and read a little worse.
    if wrong := model.changed_files():
        raise StoreError(
            f"{model.reference} in {model.path} is not as it was published ({', '.join(wrong)}); "
            "restore it, or publish it again."
        )
    corpus = load_corpus(options.on)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {options.out} cannot be written: {error.strerror}; name another folder.") from error
    split, console = _split(corpus, options.split), Console()
    with Recognizer(model.reference, options.engine, options.precision, store=options.store) as recognizer:
        console.print(str(recognizer), highlight=False, soft_wrap=True)
        scores = evaluate(recognizer.read(split.images).probabilities, split, model.classes, options.out)
    engine = {"engine": recognizer.engine.name, "precision": recognizer.engine.precision}
    numbers = {"model": model.reference, "on": options.on, **engine, **scores.as_dict()}
    (options.out / "scores.json").write_text(json.dumps(numbers, indent=2))
    console.print(_table(scores, model.classes))
    console.print(f"pictures and scores.json in {options.out}", highlight=False, soft_wrap=True)
    console.print(f"{model.reference} on {options.on}: accuracy {scores.sentence()}", highlight=False, soft_wrap=True)


def _split(corpus: Corpus, name: str) -> Split:
    return corpus.test if name == "test" and corpus.test is not None else corpus.train


def _table(scores: Scores, classes: list[str]) -> Table:
    table = Table("", "", show_header=False)
    table.add_row("images", f"{scores.count:,}")
    table.add_row("accuracy (95 % interval)", scores.sentence())
    table.add_row("calibration error", f"{scores.calibration_error * 100:.2f} %")
    accepted = f"{scores.accepted_share * 100:.1f} % (confidence {scores.accepted_above:.4f} and above)"
    table.add_row("accepted unseen at 99.9 % precision", accepted)
    for name, share in zip(classes, scores.per_class, strict=False):
        table.add_row(f"accuracy on {name}", f"{share * 100:.2f} %" if share == share else "none there")
    return table


if __name__ == "__main__":
    run(Evaluate, main)
