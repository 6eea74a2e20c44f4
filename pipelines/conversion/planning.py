"""Plans for a version: built here, with timings that all builders of a store share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.engines.plans import PlanKey, PlanRecord, record_of, write_plan
from pipelines.engines.tensorrt_build import RTX_CAPABILITIES, TIMED, Built, build_plan, load_flavour
from pipelines.model_store import ModelStore


@dataclass(frozen=True)
class Tell:
    """How a person is told what is done: by lines that stay, and by what goes on just now."""

    line: Callable[[str], None]
    now: Callable[[str], None]


def plan_key(graph: bytes, precision: str, flavour: str, capabilities: Sequence[int]) -> PlanKey:
    aims = tuple(sorted(set(capabilities))) or _default_capabilities(flavour)
    return PlanKey(hashlib.sha256(graph).hexdigest(), flavour, load_flavour(flavour).__version__, aims, precision)


def make_plan(graph: bytes, key: PlanKey, store: ModelStore, folder: Path, tell: Tell) -> PlanRecord:
    """Build, and write into `folder`."""
    gpus = ", ".join(f"{aim // 10}.{aim % 10}" for aim in key.capabilities)
    tell.line(f"building a {key.precision} plan with {key.flavour} {key.version} for compute capability {gpus}")
    built = _build_with_timings(graph, key, store, tell) if key.flavour in TIMED else _build(graph, key, None, tell)
    record = record_of(built.plan, key, built.layer_types)
    write_plan(folder, built.plan, record)
    return record


def _build(graph: bytes, key: PlanKey, timings: bytes | None, tell: Tell) -> Built:
    def progress(phase: str, step: int, steps: int) -> None:
        tell.now(f"{key.flavour}: {phase}, {step} of {steps}")

    return build_plan(graph, key.flavour, key.capabilities if key.flavour == "tensorrt_rtx" else (), timings, progress)


def _build_with_timings(graph: bytes, key: PlanKey, store: ModelStore, tell: Tell) -> Built:
    """Who builds for this kind of GPU first times every kernel; the next takes his timings from the store."""
    with store.shared(f"timings-{key.flavour}-{key.version}-{'-'.join(map(str, key.capabilities))}") as timings:
        built = _build(graph, key, timings.content, tell)
        if built.timing_cache:
            timings.replace(built.timing_cache)
    return built


def _default_capabilities(flavour: str) -> tuple[int, ...]:
    if flavour == "tensorrt_rtx":
        return RTX_CAPABILITIES
    from pipelines.engines.tensorrt import compute_capability

    return (compute_capability(),)
