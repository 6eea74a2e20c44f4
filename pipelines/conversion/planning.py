"""Plans for a version: built here, with timings that all builders of a store share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.engines.plans import PlanKey, PlanRecord, record_of, write_plan
from pipelines.engines.tensorrt_build import RTX_CAPABILITIES, build_plan, load_flavour
from pipelines.model_store import ModelStore


@dataclass(frozen=True)
class Tell:
    """How a person is told what is done: by lines that stay, and by what goes on just now."""

    line: Callable[[str], None]
    now: Callable[[str], None]


def make_plan(
    graph: bytes,
    precision: str,
    flavour: str,
    capabilities: Sequence[int],
    store: ModelStore,
    folder: Path,
    tell: Tell,
) -> PlanRecord:
    """Build, and write into `folder`."""
    aims = tuple(capabilities) or _default_capabilities(flavour)
    key = PlanKey(hashlib.sha256(graph).hexdigest(), flavour, load_flavour(flavour).__version__, aims, precision)
    gpus = ", ".join(f"{aim // 10}.{aim % 10}" for aim in aims)
    tell.line(f"building a {precision} plan with {flavour} {key.version} for compute capability {gpus}")
    timings = f"{flavour}-{key.version}-{'-'.join(map(str, aims))}"
    with store.shared(timings) as shared:
        built = build_plan(
            graph,
            flavour,
            aims if flavour == "tensorrt_rtx" else (),
            shared.content,
            lambda phase, step, steps: tell.now(f"{flavour}: {phase}, {step} of {steps}"),
        )
        if built.timing_cache:
            shared.replace(built.timing_cache)
    record = record_of(built.plan, key, built.layer_types)
    write_plan(folder, built.plan, record)
    return record


def _default_capabilities(flavour: str) -> tuple[int, ...]:
    if flavour == "tensorrt_rtx":
        return RTX_CAPABILITIES
    from pipelines.engines.tensorrt import compute_capability

    return (compute_capability(),)
