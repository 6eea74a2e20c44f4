#!/usr/bin/env python
"""Measure how well a model reads a corpus."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from tyro.conf import arg

from jobs._cli import run
from jobs._console import open_console
from pipelines.corpora import Corpus, Split, load_corpus
from pipelines.errors import StoreError, UsageError
from pipelines.evaluation.confidence_threshold import format_accepted
from pipelines.evaluation.digits import evaluate, on_corrupted, refusals
from pipelines.evaluation.metrics import Scores
from pipelines.files import paths
from pipelines.files.atomic import write_json
from pipelines.inference.recognizer import Recognizer
from pipelines.models.folder import open_model
from pipelines.models.store import ModelStore


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure how well a model reads a corpus.

    inkray evaluate --model ink --on mnist --out /tmp/ink-on-mnist
    """

    model: Annotated[str, arg(metavar="NAME[:VERSION]")]
    """The model in the store: its newest version, or the one with this number or alias. builtin comes with inkray."""
    on: Annotated[str, arg(metavar="SPEC")] = "mnist"
    """The corpus: mnist, builtin, idx:IMAGES,LABELS, folder:PATH or parquet:PATH."""
    split: Literal["test", "train"] = "test"
    """Which split to read; a corpus that has only one split is always read in full."""
    engine: str = "auto"
    """The engine that runs the model: auto, pytorch, openvino, onnxruntime, onnxruntime-cuda, onnxruntime-tensorrt,
    torch_cuda, tensorrt or tensorrt_rtx."""
    precision: str = "auto"
    """The engine's precision: auto, fp32, bf16, fp16 or int8; the engine must support it and the model must have it."""
    corrupted: bool = False
    """Also read the 28x28 images under fifteen corruptions, such as noise, blur, fog and lines."""
    junk: bool = False
    """Also measure how many non-digits are rejected at the threshold that keeps 99.5 % of these digits."""
    out: Path = Path("evaluation")
    """The folder to write scores.json and the pictures to."""
    store: str | None = None
    """The model store; by default INKRAY_STORE, else ~/inkray/store."""


def main(options: Evaluate) -> None:
    model = open_model(options.model, ModelStore(options.store) if options.store else None)
    # Weights with a flipped bit would load without an error and only read a little worse.
    if wrong := model.changed_files():
        raise StoreError(
            f"{model.reference} in {model.path} is not as it was published ({', '.join(wrong)}); "
            "restore it, or publish it again."
        )
    corpus = load_corpus(options.on)
    out = paths.folder(options.out, "evaluation")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror}; name another folder.") from error
    split, console = _split(corpus, options.split), open_console(markup=False)
    with Recognizer(
        model.reference, options.engine, options.precision, store=options.store, second_opinion="never"
    ) as recognizer:
        console.print(str(recognizer), highlight=False, soft_wrap=True)
        probabilities = recognizer.read(split.images).probabilities
        scores = evaluate(probabilities, split, model.classes, out)

        def read(images: NDArray[np.uint8]) -> NDArray[np.float32]:
            return recognizer.read(images).probabilities

        corrupted = on_corrupted(read, split) if options.corrupted else {}
        refused = refusals(probabilities, read) if options.junk else None
    engine = {"engine": recognizer.engine.name, "precision": recognizer.engine.precision}
    numbers = {"model": model.reference, "on": options.on, **engine, **scores.as_dict()}
    numbers |= {"corrupted": corrupted} if corrupted else {}
    numbers |= {"refused": asdict(refused)} if refused else {}
    write_json(out / "scores.json", numbers)
    console.print(_table(scores, model.classes))
    if corrupted:
        mean = {"mean": float(np.mean(list(corrupted.values())))}
        console.print(_shares("accuracy under", corrupted | mean))
    if refused:
        console.print(_shares(f"refused below {refused.below:.3f}", refused.by_kind | {"all together": refused.all}))
    console.print(f"pictures and scores.json in {out}", highlight=False, soft_wrap=True)
    console.print(f"{model.reference} on {options.on}: accuracy {scores.sentence()}", highlight=False, soft_wrap=True)


def _split(corpus: Corpus, name: str) -> Split:
    return corpus.test if name == "test" and corpus.test is not None else corpus.train


def _shares(title: str, shares: dict[str, float]) -> Table:
    table = Table(title, "")
    for name, share in shares.items():
        table.add_row(name, f"{share * 100:.2f} %")
    return table


def _table(scores: Scores, classes: list[str]) -> Table:
    table = Table("", "", show_header=False)
    table.add_row("images", f"{scores.count:,}")
    table.add_row("accuracy (95 % interval)", scores.sentence())
    table.add_row("calibration error", f"{scores.calibration_error * 100:.2f} %")
    table.add_row("accepted unseen at 99.9 % precision", format_accepted(scores.accepted_share, scores.accepted_above))
    for name, share in zip(classes, scores.per_class, strict=False):
        table.add_row(f"accuracy on {name}", f"{share * 100:.2f} %" if share == share else "none there")
    return table


def command() -> None:
    run(Evaluate, main)


if __name__ == "__main__":
    command()
