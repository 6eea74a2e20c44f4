"""A model version gains graphs and plans, if they read as the trained network does."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.conversion.export import export
from pipelines.conversion.parity import FEWEST_IMAGES, Parity, measure
from pipelines.conversion.planning import Tell, make_plan
from pipelines.conversion.precision import to_fp16, to_int8
from pipelines.conversion.types_found import types_found
from pipelines.corpora.corpus import Corpus, Split
from pipelines.engines.base import Engine, Probabilities
from pipelines.engines.onnx_runtime import OnnxRuntimeEngine
from pipelines.engines.openvino import OpenVinoEngine
from pipelines.engines.plans import PlanRecord
from pipelines.engines.pytorch import PyTorchEngine
from pipelines.engines.tensorrt_build import FLAVOURS
from pipelines.engines.threads import available_threads
from pipelines.errors import UsageError
from pipelines.images import to_model_input
from pipelines.model_folder import GRAPHS, ModelFolder
from pipelines.model_store import ModelStore
from pipelines.model_version import Version
from pipelines.training.checkpoint import load_reader

CALIBRATION_IMAGES = 1000
MOST_IMAGES = 10_000
PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino")


@dataclass(frozen=True)
class Calibration:
    """The images that int8 takes its ranges from."""

    corpus: str
    images: np.ndarray
    sha256: str


@dataclass(frozen=True)
class Wishes:
    precisions: Sequence[str]
    engines: Sequence[str]
    capabilities: Sequence[int]


@dataclass
class Outcome:
    version: Version
    parity: list[Parity] = field(default_factory=list)
    plans: list[PlanRecord] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """By precision, why its graph and its plans were not published."""


def judges(corpus: Corpus) -> Split:
    """The images that parity is measured on, as the model sees them."""
    split = corpus.test or corpus.train
    if len(split) < FEWEST_IMAGES:
        raise UsageError(
            f"{corpus.name} has {len(split):,} images to compare engines on; at least {FEWEST_IMAGES:,} are needed: "
            "name another corpus with --on."
        )
    return Split(to_model_input(split.images[:MOST_IMAGES]), split.labels[:MOST_IMAGES])


def calibration(corpus: Corpus) -> Calibration:
    chosen = np.random.default_rng(0).permutation(len(corpus.train))[:CALIBRATION_IMAGES]
    images = to_model_input(corpus.train.images[np.sort(chosen)])
    return Calibration(corpus.name, images, hashlib.sha256(images.tobytes()).hexdigest())


def convert(
    store: ModelStore, version: Version, wishes: Wishes, split: Split, calibrate: Callable[[], Calibration], tell: Tell
) -> Outcome:
    folder = ModelFolder(store.fetch(version), version.manifest)
    outcome = Outcome(version)
    with (
        tempfile.TemporaryDirectory(prefix="inkray-") as work,
        PyTorchEngine(load_reader(folder.path), available_threads()) as network,
    ):
        tell.line("exporting to ONNX")
        truth = network.run(split.images)
        base = folder.graph("fp32") if "fp32" in folder.precisions else export(load_reader(folder.path))
        notes: dict[str, Any] = {}
        for precision in dict.fromkeys(("fp32", *wishes.precisions)):
            graph = _graph(folder, precision, base, calibrate, notes, tell)
            rows = list(_compare(graph, precision, wishes.engines, truth, split, len(folder.classes), tell))
            outcome.parity += rows
            if reasons := [reason for row in rows if (reason := row.refused)]:
                outcome.refused[precision] = "; ".join(reasons)
                continue
            Path(work, GRAPHS[precision]).write_bytes(graph)
            for flavour in (engine for engine in wishes.engines if engine in FLAVOURS):
                plans = Path(work, "plans")
                outcome.plans.append(make_plan(graph, precision, flavour, wishes.capabilities, store, plans, tell))
        outcome.version = _publish(store, version, Path(work), outcome, notes)
    return outcome


def _graph(
    folder: ModelFolder,
    precision: str,
    base: bytes,
    calibrate: Callable[[], Calibration],
    notes: dict[str, Any],
    tell: Tell,
) -> bytes:
    """The graph that the version has, since files of a version never change; else a new one."""
    if precision in folder.precisions:
        return folder.graph(precision)
    if precision == "fp32":
        return base
    tell.line(f"making the {precision} graph")
    if precision == "fp16":
        return to_fp16(base)
    images = calibrate()
    notes["calibration"] = {"corpus": images.corpus, "images": len(images.images), "sha256": images.sha256}
    return to_int8(base, images.images)


def _compare(
    graph: bytes, precision: str, engines: Sequence[str], truth: Probabilities, split: Split, classes: int, tell: Tell
) -> Iterator[Parity]:
    for engine in _engines(graph, precision, engines, classes):
        with engine:
            tell.line(f"{engine.name} in {engine.precision} reads {len(split):,} images")
            yield measure(engine, precision, types_found(engine, graph), truth, split)


def _engines(graph: bytes, precision: str, names: Sequence[str], classes: int) -> Iterator[Engine]:
    """Those that can run here: a plan for another machine's GPU is built, and judged there."""
    threads = available_threads()
    if "onnxruntime" in names:
        yield OnnxRuntimeEngine(graph, classes, threads, precision)
    if "openvino" in names:
        best = OpenVinoEngine(graph, classes, threads, "auto", precision)
        yield best
        if best.precision == "bf16":
            yield OpenVinoEngine(graph, classes, threads, "fp32", precision)


def _publish(store: ModelStore, version: Version, work: Path, outcome: Outcome, notes: dict[str, Any]) -> Version:
    told = version.manifest
    rows = {(row["engine"], row["graph"], row["computes"]): row for row in told.get("parity", [])}
    published = [row for row in outcome.parity if row.graph not in outcome.refused]
    rows |= {(row.engine, row.graph, row.computes): asdict(row) for row in published}
    plans = {plan["file"]: plan for plan in told.get("plans", [])}
    plans |= {
        f"plans/{plan.key.name}.plan": {"file": f"plans/{plan.key.name}.plan", **asdict(plan)} for plan in outcome.plans
    }
    if not any(work.iterdir()):
        return version
    versions = {package: installed(package) for package in PACKAGES}
    update = {"parity": list(rows.values()), "plans": list(plans.values()), "converted_with": versions, **notes}
    return store.add_files(version, work, update)
