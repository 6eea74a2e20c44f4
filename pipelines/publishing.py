"""From a finished run to a version in the model store: its files, its manifest, its card."""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.corpora.corpus import Corpus
from pipelines.images import SIDE
from pipelines.line_scores import LineScores
from pipelines.metrics import Scores, told_accepted
from pipelines.model_folder import GRAPHS
from pipelines.model_store import ModelStore
from pipelines.model_version import Version
from pipelines.strings.line import HEIGHT
from pipelines.training.mixture import mixed_in
from pipelines.training.options import NONE, TrainingOptions
from pipelines.training.run import Trained

FILES = ("weights.pt", "history.csv", "curves.png", "confusion.png", "reliability.png", "misread.png")
PACKAGES = ("inkray", "ray", "torch", "numpy")


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
            f"{told_accepted(test['accepted_share'], test['accepted_above'])} |",
            "",
        ]
    lines += ["| recipe | |", "|---|---|", *(f"| {key} | {value} |" for key, value in recipe.items()), ""]
    return "\n".join(lines)
