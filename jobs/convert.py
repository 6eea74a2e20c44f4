#!/usr/bin/env python
"""Convert a trained model to ONNX in several precisions and to TensorRT plans; publish those that read the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from tyro.conf import arg

from jobs._cli import run
from jobs._console import open_console
from pipelines.conversion.convert import Conversion, ConversionOptions, Outcome, calibration, parity_images
from pipelines.conversion.engines import check_capabilities, chosen_engines
from pipelines.conversion.plans import Reporter
from pipelines.corpora import load_corpus
from pipelines.errors import ConversionError, DataError, UsageError
from pipelines.files import paths
from pipelines.files.atomic import check_file, write_json
from pipelines.models.folder import GRAPHS, ModelFolder
from pipelines.models.store import ModelStore, store_location
from pipelines.models.version import Version

Precision = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, kw_only=True)
class ConvertModel:
    """Convert a trained model to ONNX in several precisions and to TensorRT plans; publish those that read the same.

    inkray convert --model ink --precision fp16 int8
    """

    model: Annotated[str | None, arg(metavar="NAME[:VERSION]")] = None
    """The model in the store: its newest version, or the one with this number or alias."""
    run: Annotated[str | None, arg(metavar="NAME")] = None
    """The finished training run whose published model to convert, instead of --model."""
    runs: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """The folder that holds the runs; by default ~/inkray/runs."""
    precision: tuple[Precision, ...] = ("fp32",)
    """The precisions to make graphs in, one or several; fp32 is always included."""
    engines: tuple[str, ...] = ("all",)
    """The engines to build for and to compare: openvino, tensorrt, tensorrt_rtx, or all that are available; onnxruntime
    is always included."""
    capabilities: tuple[int, ...] = ()
    """The compute capabilities that tensorrt_rtx builds for, such as 89 for 8.9; by default 80 86 89 120."""
    on: Annotated[str | None, arg(metavar="SPEC")] = None
    """The corpus whose test images the engines are compared on; by default the model's training corpus."""
    calibrate_on: Annotated[str | None, arg(metavar="SPEC")] = None
    """The corpus whose training images calibrate int8; by default the model's training corpus."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None
    """Also write the parity report to this file."""
    store: str | None = None
    """The model store; by default INKRAY_STORE, else ~/inkray/store."""


def main(options: ConvertModel) -> None:
    if options.json:
        check_file(options.json)
    console = open_console()
    store = ModelStore(store_location(options.store))
    version = store.resolve(_reference(options))
    store.check_writable()
    if ModelFolder(Path(), version.manifest).reads_lines:
        raise UsageError(
            f"{version.reference} reads lines: it was published with its graph, in fp32 for the CPU, and has no other."
        )
    conversion_options = ConversionOptions(options.precision, chosen_engines(options.engines), options.capabilities)
    check_capabilities(conversion_options.engines, conversion_options.capabilities)

    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    with console.status("reading the corpus") as status:
        split = parity_images(load_corpus(options.on or _learnt_from(version, "--on")))
        conversion = Conversion(
            store,
            version,
            conversion_options,
            split,
            lambda: calibration(load_corpus(options.calibrate_on or _learnt_from(version, "--calibrate-on"))),
            Reporter(say, status.update),
        )
        outcome = conversion.run()
    _show(outcome, console)
    write_json(options.json, _report(outcome))
    has = f"{outcome.version.reference} in {store} has {', '.join(_files(outcome.version)) or 'no graph'}"
    if lacking := _lacking(outcome):
        raise ConversionError(f"{'. '.join(lacking)}. {has}.")
    say(has)


def _reference(options: ConvertModel) -> str:
    if (options.model is None) == (options.run is None):
        raise UsageError("Name either --model NAME[:VERSION] or --run NAME.")
    if options.model is not None:
        return options.model
    elsewhere = f" --runs {options.runs}" if options.runs else ""
    folder = paths.folder(options.runs or paths.home() / "runs", "runs") / str(options.run)
    result = folder / "result.json"
    try:
        return str(json.loads(result.read_text())["model"])
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"There is no finished run {options.run!r} in {folder.parent}; if it was interrupted, "
            f"inkray train --resume --name {options.run}{elsewhere} finishes it."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{result} does not tell which model the run published; name that with --model NAME:VERSION."
        ) from error


def _learnt_from(version: Version, instead: str) -> str:
    try:
        return str(version.manifest["data"]["corpus"])
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{version.reference} does not tell which corpus it learnt from; name one by {instead}."
        ) from error


def _files(version: Version) -> list[str]:
    return [file for file in version.files if file.endswith((".onnx", ".plan"))]


def _show(outcome: Outcome, console: Console) -> None:
    table = Table("engine", "graph", "in", "agrees", "differs by", "accuracy", "one image", "images/s", box=SIMPLE)
    table.title = f"the network itself reads {outcome.parity[0].accuracy_before * 100:.2f} % right"
    for row in outcome.parity:
        table.add_row(
            row.engine,
            row.graph,
            row.computes,
            f"{row.agreement * 100:.2f} %",
            f"{row.largest_difference:.4f}",
            f"{row.accuracy_after * 100:.2f} %",
            f"{row.latency_ms:.2f} ms",
            f"{row.images_per_second:,.0f}",
        )
    console.print(table)
    for row in outcome.parity:
        types = ", ".join(f"{count} {name}" for name, count in row.types.items())
        built = f"{row.engine}, {row.graph} graph in {row.computes}, layers give: {types}"
        console.print(built, highlight=False, soft_wrap=True)
    for plan in outcome.plans:
        types = ", ".join(f"{count} {name}" for name, count in plan.layer_types.items())
        console.print(f"{plan.key.name}: {plan.size:,} bytes, layers give: {types}", highlight=False, soft_wrap=True)


def _report(outcome: Outcome) -> dict[str, object]:
    return {
        "model": outcome.version.reference,
        "parity": [asdict(row) for row in outcome.parity],
        "plans": [asdict(plan) for plan in outcome.plans],
        "refused": outcome.refused,
        "unbuilt": outcome.unbuilt,
    }


def _lacking(outcome: Outcome) -> list[str]:
    """The reasons why requested graphs or plans are missing, or are published but would be refused now."""
    reasons = []
    for precision, why in outcome.refused.items():
        before = GRAPHS[precision] in outcome.version.files
        state = "was published before and stays, though it would be refused now" if before else "is not published"
        reasons.append(f"The {precision} graph {state}: {why}")
    return reasons + [f"There is no plan for {engine}: {why}" for engine, why in outcome.unbuilt.items()]


def command() -> None:
    run(ConvertModel, main)


if __name__ == "__main__":
    command()
