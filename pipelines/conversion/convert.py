"""A model version gains graphs and plans, if they read as the trained network does."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.conversion.export import export
from pipelines.conversion.layer_types import types_found
from pipelines.conversion.parity import FEWEST_IMAGES, Parity, measure
from pipelines.conversion.plans import Reporter, make_plan
from pipelines.conversion.precision import to_fp16, to_int8
from pipelines.corpora.corpus import Corpus, Split
from pipelines.errors import EngineError, UsageError
from pipelines.images import to_model_input
from pipelines.inference.engines.base import Engine
from pipelines.inference.engines.cuda import compute_capability, cuda_gpus, tensorrt_flavour
from pipelines.inference.engines.onnx_runtime import OnnxRuntimeEngine
from pipelines.inference.engines.openvino import OpenVinoEngine
from pipelines.inference.engines.plan_cache import PlanKey, PlanRecord, write_plan
from pipelines.inference.engines.pytorch import PyTorchEngine
from pipelines.inference.engines.tensorrt import TensorRtEngine
from pipelines.inference.engines.tensorrt_build import FLAVOURS, plan_key
from pipelines.inference.engines.threads import available_threads
from pipelines.models.folder import GRAPHS, ModelFolder
from pipelines.models.store import ModelStore
from pipelines.models.version import Version
from pipelines.networks.weights import WEIGHTS, load_reader

CALIBRATION_IMAGES = 1000
MOST_IMAGES = 10_000
PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino")


@dataclass(frozen=True)
class CalibrationImages:
    """The images that int8 takes its ranges from."""

    corpus: str
    images: np.ndarray
    sha256: str


@dataclass(frozen=True)
class ConversionOptions:
    precisions: Sequence[str]
    engines: Sequence[str]
    capabilities: Sequence[int]


@dataclass
class Outcome:
    version: Version
    parity: list[Parity] = field(default_factory=list)
    plans: list[PlanRecord] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Why graphs and plans were not published, or should not have been, by precision."""
    unbuilt: dict[str, str] = field(default_factory=dict)
    """Why there is no plan, by engine and precision."""


@dataclass(frozen=True)
class JudgedPlan:
    plan: bytes
    record: PlanRecord
    rows: list[Parity]


def parity_images(corpus: Corpus) -> Split:
    """The images that parity is measured on, as the model sees them."""
    split = corpus.test or corpus.train
    if len(split) < FEWEST_IMAGES:
        raise UsageError(
            f"{corpus.name} has {len(split):,} images to compare engines on; at least {FEWEST_IMAGES:,} are needed: "
            "name another corpus.",
            option="on",
        )
    return Split(split.images[:MOST_IMAGES], split.labels[:MOST_IMAGES]).prepared()


def calibration(corpus: Corpus) -> CalibrationImages:
    chosen = np.random.default_rng(0).permutation(len(corpus.train))[:CALIBRATION_IMAGES]
    images = to_model_input(corpus.train.images[np.sort(chosen)])
    return CalibrationImages(corpus.name, images, hashlib.sha256(images.tobytes()).hexdigest())


class Conversion:
    def __init__(
        self,
        store: ModelStore,
        version: Version,
        options: ConversionOptions,
        split: Split,
        calibrate: Callable[[], CalibrationImages],
        report: Reporter,
    ) -> None:
        self._store, self._options, self._split, self._calibrate, self._report = (
            store,
            options,
            split,
            calibrate,
            report,
        )
        self._model = ModelFolder(store.fetch(version), version.manifest)
        self._threads = available_threads()
        self._calibration: CalibrationImages | None = None
        self._outcome = Outcome(version)

    def run(self) -> Outcome:
        self._model.read(WEIGHTS)  # says so if they are not as published
        if "int8" in self._options.precisions and "int8" not in self._model.precisions:
            self._calibration = self._calibrate()
        with PyTorchEngine(load_reader(self._model.path), self._threads) as network:
            self._truth = network.run(self._split.images)
        with tempfile.TemporaryDirectory(prefix="inkray-") as work:
            for precision in dict.fromkeys(("fp32", *self._options.precisions)):
                if "fp32" in self._outcome.refused:
                    self._outcome.refused[precision] = "the fp32 graph, of which it is made, is refused"
                else:
                    self._convert(precision, Path(work))
            if any(Path(work).iterdir()):
                self._outcome.version = self._publish(Path(work))
        return self._outcome

    def _convert(self, precision: str, work: Path) -> None:
        """Judge the graph, then its plans; only then does anything come to where it is published from."""
        graph = self._graph(precision)
        rows = [self._judge(engine, graph, precision) for engine in self._cpu_engines(graph, precision)]
        plans = [] if _reasons(rows) else list(self._plans(graph, precision))
        rows += [row for made in plans for row in made.rows]
        self._outcome.parity += rows
        if reasons := _reasons(rows):
            self._outcome.refused[precision] = "; ".join(reasons)
        else:
            self._outcome.plans += [made.record for made in plans]
            for made in plans:
                write_plan(work / "plans", made.plan, made.record)
        if self._is_kept(precision):
            (work / GRAPHS[precision]).write_bytes(graph)

    def _is_kept(self, precision: str) -> bool:
        """Files published before stay, however they read now."""
        return precision not in self._outcome.refused or precision in self._model.precisions

    def _graph(self, precision: str) -> bytes:
        """The graph that the version has, since files of a version never change; else a new one."""
        if precision in self._model.precisions:
            return self._model.graph(precision)
        self._report.line(f"making the {precision} graph")
        if precision == "fp32":
            return export(load_reader(self._model.path))
        base = self._graph("fp32")
        if precision == "fp16":
            return to_fp16(base)
        assert self._calibration
        return to_int8(base, self._calibration.images)

    def _cpu_engines(self, graph: bytes, precision: str) -> Iterator[Engine]:
        """ONNX Runtime whatever was wished for, so that each graph is judged."""
        classes = len(self._model.classes)
        yield OnnxRuntimeEngine(graph, classes, self._threads, precision)
        if "openvino" in self._options.engines:
            best = OpenVinoEngine(graph, classes, self._threads, "auto", precision)
            yield best
            if best.precision == "bf16":
                yield OpenVinoEngine(graph, classes, self._threads, "fp32", precision)

    def _judge(self, engine: Engine, graph: bytes, precision: str) -> Parity:
        with engine:
            self._report.line(f"{engine.name} in {engine.precision} reads {len(self._split):,} images")
            return measure(engine, precision, types_found(engine, graph), self._truth, self._split)

    def _plans(self, graph: bytes, precision: str) -> Iterator[JudgedPlan]:
        for flavour in (engine for engine in self._options.engines if engine in FLAVOURS):
            try:
                key = plan_key(graph, precision, flavour, self._options.capabilities)
                if f"plans/{key.name}.plan" in self._model.manifest["files"]:
                    self._report.line(f"there is already a plan {key.name}")
                else:
                    plan, record = make_plan(graph, key, self._report)
                    yield JudgedPlan(plan, record, self._judged_here(plan, key, graph))
            except EngineError as error:
                self._outcome.unbuilt[f"{flavour} in {precision}"] = str(error).rstrip(".")

    def _judged_here(self, plan: bytes, key: PlanKey, graph: bytes) -> list[Parity]:
        """If the GPU here can run it; else it is for machines elsewhere."""
        if not (cuda_gpus() and tensorrt_flavour() and compute_capability() in key.capabilities):
            return []
        engine = TensorRtEngine(plan, len(self._model.classes), key.flavour, key.precision)
        return [self._judge(engine, graph, key.precision)]

    def _publish(self, work: Path) -> Version:
        self._leave_out_what_is_there(work / "plans")
        return self._store.add_files(self._outcome.version, work, self._update)

    def _leave_out_what_is_there(self, plans: Path) -> None:
        """A plan that another conversion has published meanwhile, since no two builds give the same bytes."""
        files = self._store.resolve(self._outcome.version.reference).files
        there = [record for record in self._outcome.plans if f"plans/{record.key.name}.plan" in files]
        for record in there:
            self._outcome.plans.remove(record)
            for end in ("plan", "json"):
                (plans / f"{record.key.name}.{end}").unlink()

    def _update(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Of the manifest as it is when the version is held: another conversion may have added to it meanwhile."""
        outcome = self._outcome
        rows = {(row["engine"], row["graph"], row["computes"]): row for row in manifest.get("parity", [])}
        # Those of refused graphs too: they say what an engine that needs no graph should not compute in.
        judged = ({**asdict(row), "refused": row.refused} for row in outcome.parity)
        rows |= {(row["engine"], row["graph"], row["computes"]): row for row in judged}
        update: dict[str, Any] = {
            "parity": list(rows.values()),
            "plans": [*manifest.get("plans", []), *map(asdict, outcome.plans)],
            "converted_with": {**manifest.get("converted_with", {}), **_versions()},
        }
        if (ranges := self._calibration) and "int8" not in outcome.refused:
            update["calibration"] = {"corpus": ranges.corpus, "images": len(ranges.images), "sha256": ranges.sha256}
        return update


def _versions() -> dict[str, str]:
    """The versions in use, by module: a package may be installed under another name, a module is not."""
    return {name: sys.modules[name].__version__ for name in PACKAGES if name in sys.modules}


def _reasons(rows: Iterable[Parity]) -> list[str]:
    return [reason for row in rows if row.belongs_to_graph and (reason := row.refused)]
