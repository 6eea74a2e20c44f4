"""From trained weights to a version in the model store: calibrated, scored, with its files, manifest and card."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from pipelines.conversion.export import export
from pipelines.corpora import Split
from pipelines.corpora.corpus import Corpus
from pipelines.errors import ConversionError
from pipelines.evaluation import plots
from pipelines.evaluation.digits import evaluate, write_history
from pipelines.evaluation.lines import LineScores, Picture, score_lines
from pipelines.evaluation.metrics import Scores
from pipelines.files.atomic import write_atomic
from pipelines.images import SIDE
from pipelines.inference.engines.pytorch import PyTorchEngine
from pipelines.inference.engines.threads import available_threads
from pipelines.inference.line_engines import OnnxLines
from pipelines.inference.line_recognizer import frames_of
from pipelines.models.folder import GRAPHS
from pipelines.models.store import ModelStore
from pipelines.models.version import Version
from pipelines.networks.architectures import Reader
from pipelines.networks.weights import WEIGHTS, load_reader, save_weights
from pipelines.strings.ctc import Frames, beam_search
from pipelines.strings.line import HEIGHT
from pipelines.strings.samples import DrawnLine
from pipelines.training.calibration import calibrate
from pipelines.training.line_task import LineTask
from pipelines.training.mixture import mixed_in
from pipelines.training.model_card import card
from pipelines.training.options import TrainingOptions
from pipelines.training.run import Trained
from pipelines.training.run_folder import TrainingRunFolder
from pipelines.training.task import Task

FILES = ("weights.pt", "history.csv", "curves.png", "confusion.png", "reliability.png", "misread.png")
PACKAGES = ("inkray", "ray", "torch", "numpy")
COMPARED = 64
"""The number of lines on which the graph is compared with the network."""
FURTHEST = 1e-3
"""How far apart their probabilities may lie."""


class PublishedRun(NamedTuple):
    version: Version
    numbers: dict[str, Any]
    """All that was measured, as the run's folder keeps it."""
    summary: str


def finish_run(
    trained: Trained, task: Task, corpus: Corpus, run: TrainingRunFolder, store: ModelStore, name: str
) -> PublishedRun:
    """Calibrate if that was asked for, read the test split, publish, and mark the run as finished."""
    recipe = task.options
    temperature = _calibrate(trained, task, run) if recipe.calibrate else None
    scores = _score_test(trained, task, corpus, run)
    version = _publish_once(
        run, store, name, lambda: publish(store, name, trained, recipe, corpus, scores, temperature)
    )
    numbers = _numbers(version.reference, recipe, trained, scores)
    run.finish(numbers)
    return PublishedRun(version, numbers, _summary(version.reference, trained, scores))


def _calibrate(trained: Trained, task: Task, run: TrainingRunFolder) -> float:
    reader = load_reader(trained.folder)
    temperature = calibrate(reader, task.validation_examples(run.path), task.options)
    save_weights(trained.folder, task.description, reader)
    return temperature


def _score_test(trained: Trained, task: Task, corpus: Corpus, run: TrainingRunFolder) -> Scores | LineScores | None:
    """The test split is read here, once, after the best epoch has been chosen."""
    write_history(trained.history, trained.folder / "history.csv")
    plots.curves(trained.history, trained.folder / "curves.png")
    if isinstance(task, LineTask):
        return finish_lines(trained.folder, task.test_lines(run.path))
    return None if corpus.test is None else _score_digits(trained, corpus.test, task.options.classes())


def _score_digits(trained: Trained, test: Split, classes: list[str]) -> Scores:
    with PyTorchEngine(load_reader(trained.folder), available_threads()) as engine:
        probabilities = engine.run(test.prepared().images)
    return evaluate(probabilities, test, classes, trained.folder)


def _publish_once(run: TrainingRunFolder, store: ModelStore, name: str, publish: Callable[[], Version]) -> Version:
    """Publish, unless the run did so before it was killed, and could not mark itself as finished."""
    noted = run.record().get("weights")
    for there in store.versions(name) if noted else []:
        if there.files.get(WEIGHTS, {}).get("sha256") == noted:
            return there
    run.note(weights=hashlib.sha256((run.path / WEIGHTS).read_bytes()).hexdigest())
    return publish()


def _numbers(
    reference: str, recipe: TrainingOptions, trained: Trained, scores: Scores | LineScores | None
) -> dict[str, Any]:
    return {
        "model": reference,
        "recipe": asdict(recipe),
        "best_epoch": trained.best_epoch,
        "history": trained.history,
        "test": scores and scores.as_dict(),
    }


def _summary(reference: str, trained: Trained, scores: Scores | LineScores | None) -> str:
    if scores:
        return f"{reference} test accuracy {scores.sentence()}"
    best = next(row for row in trained.history if row["epoch"] == trained.best_epoch)
    return f"{reference} validation accuracy {best['val_accuracy'] * 100:.2f} % (the corpus has no test split)"


def publish(
    store: ModelStore,
    name: str,
    trained: Trained,
    options: TrainingOptions,
    corpus: Corpus,
    scores: Scores | LineScores | None,
    temperature: float | None = None,
) -> Version:
    manifest = describe(trained, options, corpus, scores, temperature)
    with tempfile.TemporaryDirectory(prefix="inkray-") as folder:
        for file in (*FILES, GRAPHS["fp32"]):
            if (trained.folder / file).exists():
                shutil.copy(trained.folder / file, folder)
        Path(folder, "card.md").write_text(card(name, manifest))
        return store.publish(name, Path(folder), manifest)


def describe(
    trained: Trained,
    options: TrainingOptions,
    corpus: Corpus,
    scores: Scores | LineScores | None,
    temperature: float | None = None,
) -> dict[str, Any]:
    best = next(row for row in trained.history if row["epoch"] == trained.best_epoch)
    return {
        "classes": options.classes(),
        "input": {"name": "images", "dtype": "uint8", "shape": _shape(options), "ink": "bright on dark"},
        "recipe": asdict(options),
        "data": {
            "corpus": corpus.name,
            "train": {"images": len(corpus.train), "sha256": corpus.train.fingerprint()},
            **_more_data(len(corpus.train), options),
            "test": corpus.test and {"images": len(corpus.test), "sha256": corpus.test.fingerprint()},
        },
        "temperature": temperature or 1.0,
        "best_epoch": trained.best_epoch,
        "metrics": {"validation_accuracy": best["val_accuracy"], "test": scores and scores.as_dict()},
        "versions": {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}},
        "git_commit": git_commit(),
    }


def _shape(options: TrainingOptions) -> list[str | int]:
    return ["N", HEIGHT, "W"] if options.lines else ["N", SIDE, SIDE]


def _more_data(count: int, options: TrainingOptions) -> dict[str, Any]:
    if options.lines:
        return {"lines": options.lines}
    more = mixed_in(count, options)
    return {"mixed_in": more} if any(more.values()) else {}


def git_commit() -> str | None:
    """The commit of this code; None where it was installed without its history."""
    try:
        # An installed copy may lie in the folder of another project, whose commit is not ours.
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        return _git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def finish_lines(folder: Path, lines: Sequence[DrawnLine]) -> LineScores | None:
    """Export the graph of the weights in this folder, and read with it what was drawn to be read once."""
    reader = load_reader(folder)
    graph = export(reader)
    write_atomic(folder / GRAPHS["fp32"], graph)
    if not lines:
        return None
    pictures = [line.picture for line in lines]
    frames = frames_of(pictures, OnnxLines(graph, available_threads()).read)
    _check_same(reader, pictures[:COMPARED], frames[:COMPARED])
    return score_lines([beam_search(one)[0] for one in frames], [line.digits for line in lines])


@torch.inference_mode()
def _check_same(reader: Reader, pictures: Sequence[Picture], frames: Sequence[Frames]) -> None:
    expected = frames_of(pictures, lambda some: reader(torch.from_numpy(some)).softmax(-1).numpy())
    most = max(float(np.abs(one - other).max()) for one, other in zip(expected, frames, strict=True))
    if most > FURTHEST:
        raise ConversionError(
            f"The graph of these weights and the network differ by {most:.4f} in a probability, where {FURTHEST} is "
            "much; nothing is published. Check the versions of torch and onnxruntime against constraints.txt."
        )
