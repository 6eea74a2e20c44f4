"""From a finished run to a version in the model store: its files, its manifest, its card."""

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
from typing import Any

import numpy as np
import torch

from pipelines.conversion.export import INPUT, export
from pipelines.corpora import Split
from pipelines.corpora.corpus import Corpus
from pipelines.errors import ConversionError
from pipelines.evaluation import plots
from pipelines.evaluation.confidence_threshold import format_accepted
from pipelines.evaluation.digits import evaluate, write_history
from pipelines.evaluation.lines import LineScores, Picture, score_lines
from pipelines.evaluation.metrics import Scores
from pipelines.files.atomic import write_atomic
from pipelines.images import SIDE
from pipelines.inference.engines.pytorch import PyTorchEngine
from pipelines.inference.engines.threads import available_threads
from pipelines.inference.line_recognizer import frames_of, session_of
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
from pipelines.training.options import NONE, TrainingOptions
from pipelines.training.run import Trained
from pipelines.training.run_folder import TrainingRunFolder
from pipelines.training.task import Task

FILES = ("weights.pt", "history.csv", "curves.png", "confusion.png", "reliability.png", "misread.png")
PACKAGES = ("inkray", "ray", "torch", "numpy")


COMPARED = 64
"""Lines on which the graph is compared with the network."""
FURTHEST = 1e-3
"""How far apart their probabilities may lie."""


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
    """The commit this code stands at; none where it was installed without its history."""
    try:
        # An installed copy may lie in the folder of another project, whose commit is not ours.
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        return _git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _what_it_knows(manifest: dict[str, Any]) -> str:
    if NONE not in manifest["classes"]:
        return "and knows nothing but the ten digits: whatever it is shown, it reads as one of them."
    return f"and reads as `{NONE}` what is no digit: blank paper, lines, scribbles, what is struck out, other letters."


def _learnt(manifest: dict[str, Any]) -> str:
    data = manifest["data"]
    if lines := data.get("lines"):
        return f"{lines:,} drawn lines, half of them with digits of `{data['corpus']}` and half with the pen's"
    return f"{data['train']['images']:,} images of `{data['corpus']}`{_with_more(data)}"


def _what_it_takes(manifest: dict[str, Any]) -> str:
    if manifest["recipe"].get("lines"):
        return (
            f"It takes lines {HEIGHT} pixels high, uint8, ink bright on dark, levelled, as `pipelines/strings/line.py` "
            "makes them of pictures, and says for every second column which digit stands there, or that none begins."
        )
    takes = "It takes 28x28 pixels, uint8, ink bright on dark, one digit in the middle of each image, "
    return takes + _what_it_knows(manifest)


def _with_more(data: dict[str, Any]) -> str:
    if not (more := data.get("mixed_in")):
        return ""
    return f", {more['drawn']:,} pen-drawn digits and {more['junk']:,} pictures of no digit"


def _items(manifest: dict[str, Any]) -> str:
    return "lines" if manifest["recipe"].get("lines") else "images"


def card(name: str, manifest: dict[str, Any]) -> str:
    recipe, test = manifest["recipe"], manifest["metrics"]["test"]
    lines = [
        f"# {name}",
        "",
        f"The network `{recipe['network']}`, trained for {recipe['epochs']} epochs on {_learnt(manifest)}; epoch "
        f"{manifest['best_epoch']} read the held-back validation {_items(manifest)} best "
        f"({manifest['metrics']['validation_accuracy'] * 100:.2f} %).",
        "",
        _what_it_takes(manifest),
        "",
    ]
    if test:
        low, high = test["interval"]
        lines += [
            f"| on the test {_items(manifest)}, read once, after training | |",
            "|---|---|",
            f"| {_items(manifest)} | {test['count']:,} |",
            f"| accuracy (95 % interval) | {test['accuracy'] * 100:.2f} % ({low * 100:.2f}-{high * 100:.2f}) |",
            f"| calibration error | {test['calibration_error'] * 100:.2f} % |",
            "| can be accepted unseen at 99.9 % precision | "
            f"{format_accepted(test['accepted_share'], test['accepted_above'])} |",
            "",
        ]
    lines += ["| recipe | |", "|---|---|", *(f"| {key} | {value} |" for key, value in recipe.items()), ""]
    return "\n".join(lines)


def finish_lines(folder: Path, lines: Sequence[DrawnLine]) -> LineScores | None:
    """Export the graph of the weights in this folder, and read with it what was drawn to be read once."""
    reader = load_reader(folder)
    graph = export(reader)
    write_atomic(folder / GRAPHS["fp32"], graph)
    if not lines:
        return None
    session = session_of(graph, available_threads())
    pictures = [line.picture for line in lines]
    frames = frames_of(pictures, lambda some: session.run(None, {INPUT: some})[0])
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


def calibrate_trained(trained: Trained, task: Task, run: TrainingRunFolder) -> float:
    reader = load_reader(trained.folder)
    temperature = calibrate(reader, task.validation_examples(run.path), task.options)
    save_weights(trained.folder, task.description, reader)
    return temperature


def publish_once(run: TrainingRunFolder, store: ModelStore, name: str, publish: Callable[[], Version]) -> Version:
    """A run that was killed after it had published, and before it could say so, finds what it published."""
    noted = run.record().get("weights")
    for there in store.versions(name) if noted else []:
        if there.files.get(WEIGHTS, {}).get("sha256") == noted:
            return there
    run.note(weights=hashlib.sha256((run.path / WEIGHTS).read_bytes()).hexdigest())
    return publish()


def score_test(trained: Trained, task: Task, corpus: Corpus, run: TrainingRunFolder) -> Scores | LineScores | None:
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


def numbers_of(
    reference: str, recipe: TrainingOptions, trained: Trained, scores: Scores | LineScores | None
) -> dict[str, Any]:
    return {
        "model": reference,
        "recipe": asdict(recipe),
        "best_epoch": trained.best_epoch,
        "history": trained.history,
        "test": scores and scores.as_dict(),
    }


def outcome_in_words(reference: str, trained: Trained, scores: Scores | LineScores | None) -> str:
    if scores:
        return f"{reference} test accuracy {scores.sentence()}"
    best = next(row for row in trained.history if row["epoch"] == trained.best_epoch)
    return f"{reference} validation accuracy {best['val_accuracy'] * 100:.2f} % (the corpus has no test split)"
