"""What a published model says of itself to people: what it learnt, what it takes, how well it reads."""

from __future__ import annotations

from typing import Any

from pipelines.evaluation.confidence_threshold import format_accepted
from pipelines.strings.line import HEIGHT
from pipelines.training.options import NONE


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
