"""A model version gains graphs and plans, if they read as the trained network does."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.conversion.export import export
from pipelines.conversion.parity import FEWEST_IMAGES, Parity, measure
from pipelines.conversion.planning import Tell, make_plan, plan_key
from pipelines.conversion.precision import to_fp16, to_int8
from pipelines.conversion.types_found import types_found
from pipelines.corpora.corpus import Corpus, Split
from pipelines.engines.base import Engine
from pipelines.engines.gpu import cuda_gpus, tensorrt_flavour
from pipelines.engines.onnx_runtime import OnnxRuntimeEngine
from pipelines.engines.openvino import OpenVinoEngine
from pipelines.engines.plans import PlanRecord, load_plan
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
    return Split(split.images[:MOST_IMAGES], split.labels[:MOST_IMAGES]).prepared()


def calibration(corpus: Corpus) -> Calibration:
    chosen = np.random.default_rng(0).permutation(len(corpus.train))[:CALIBRATION_IMAGES]
    images = to_model_input(corpus.train.images[np.sort(chosen)])
    return Calibration(corpus.name, images, hashlib.sha256(images.tobytes()).hexdigest())


class Conversion:
    def __init__(
        self,
        store: ModelStore,
        version: Version,
        wishes: Wishes,
        split: Split,
        calibrate: Callable[[], Calibration],
        tell: Tell,
    ) -> None:
        self._store, self._wishes, self._split, self._calibrate, self._tell = store, wishes, split, calibrate, tell
        self._model = ModelFolder(store.fetch(version), version.manifest)
        self._threads = available_threads()
        self._calibration: dict[str, Any] = {}
        self._outcome = Outcome(version)

    def run(self) -> Outcome:
        with PyTorchEngine(load_reader(self._model.path), self._threads) as network:
            self._truth = network.run(self._split.images)
        with tempfile.TemporaryDirectory(prefix="inkray-") as work:
            for precision in dict.fromkeys(("fp32", *self._wishes.precisions)):
                self._convert(precision, Path(work))
            if any(Path(work).iterdir()):
                self._outcome.version = self._publish(Path(work))
        return self._outcome

    def _convert(self, precision: str, work: Path) -> None:
        """Judge the graph, then its plans; only then does anything come to where it is published from."""
        graph = self._graph(precision)
        plans = work / f"{precision}-plans"
        rows = [self._judge(engine, graph, precision) for engine in self._cpu_engines(graph, precision)]
        made: list[PlanRecord] = []
        if not _reasons(rows):
            made = self._plans(graph, precision, plans)
            rows += [self._judge(engine, graph, precision) for engine in self._gpu_engines(made, plans)]
        self._outcome.parity += rows
        if reasons := _reasons(rows):
            self._outcome.refused[precision] = "; ".join(reasons)
            shutil.rmtree(plans, ignore_errors=True)
            return
        self._outcome.plans += made
        (work / GRAPHS[precision]).write_bytes(graph)
        if made:
            shutil.copytree(plans, work / "plans", dirs_exist_ok=True)
            shutil.rmtree(plans)

    def _graph(self, precision: str) -> bytes:
        """The graph that the version has, since files of a version never change; else a new one."""
        if precision in self._model.precisions:
            return self._model.graph(precision)
        self._tell.line(f"making the {precision} graph")
        if precision == "fp32":
            return export(load_reader(self._model.path))
        base = self._graph("fp32")
        if precision == "fp16":
            return to_fp16(base)
        ranges = self._calibrate()
        self._calibration = {"corpus": ranges.corpus, "images": len(ranges.images), "sha256": ranges.sha256}
        return to_int8(base, ranges.images)

    def _cpu_engines(self, graph: bytes, precision: str) -> Iterator[Engine]:
        classes = len(self._model.classes)
        if "onnxruntime" in self._wishes.engines:
            yield OnnxRuntimeEngine(graph, classes, self._threads, precision)
        if "openvino" in self._wishes.engines:
            best = OpenVinoEngine(graph, classes, self._threads, "auto", precision)
            yield best
            if best.precision == "bf16":
                yield OpenVinoEngine(graph, classes, self._threads, "fp32", precision)

    def _gpu_engines(self, plans: list[PlanRecord], folder: Path) -> Iterator[Engine]:
        """Of the plans just made, those that the GPU here can run; the others are for machines elsewhere."""
        if not (cuda_gpus() and tensorrt_flavour()):
            return
        from pipelines.engines.tensorrt import TensorRtEngine, compute_capability

        for record in plans:
            if compute_capability() in record.key.capabilities:
                plan, key = load_plan(folder, record), record.key
                yield TensorRtEngine(plan, len(self._model.classes), key.flavour, key.precision)

    def _judge(self, engine: Engine, graph: bytes, precision: str) -> Parity:
        with engine:
            self._tell.line(f"{engine.name} in {engine.precision} reads {len(self._split):,} images")
            return measure(engine, precision, types_found(engine, graph), self._truth, self._split)

    def _plans(self, graph: bytes, precision: str, folder: Path) -> list[PlanRecord]:
        made = []
        for flavour in (engine for engine in self._wishes.engines if engine in FLAVOURS):
            key = plan_key(graph, precision, flavour, self._wishes.capabilities)
            if f"plans/{key.name}.plan" in self._model.manifest["files"]:
                self._tell.line(f"there is already a plan {key.name}")
            else:
                made.append(make_plan(graph, key, self._store, folder, self._tell))
        return made

    def _publish(self, work: Path) -> Version:
        outcome = self._outcome
        told = outcome.version.manifest
        rows = {(row["engine"], row["graph"], row["computes"]): row for row in told.get("parity", [])}
        published = [row for row in outcome.parity if row.graph not in outcome.refused]
        rows |= {(row.engine, row.graph, row.computes): {**asdict(row), "refused": row.refused} for row in published}
        plans = [*told.get("plans", []), *map(asdict, outcome.plans)]
        versions = {package: installed(package) for package in PACKAGES}
        update = {"parity": list(rows.values()), "plans": plans, "converted_with": versions}
        if self._calibration and "int8" not in outcome.refused:
            update["calibration"] = self._calibration
        return self._store.add_files(outcome.version, work, update)


def _reasons(rows: Iterable[Parity]) -> list[str]:
    return [reason for row in rows if row.belongs_to_graph and (reason := row.refused)]
