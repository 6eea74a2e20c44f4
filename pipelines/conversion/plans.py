"""Plans for a version, built here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.inference.engines.plan_cache import PlanKey, PlanRecord, record_of
from pipelines.inference.engines.tensorrt_build import build_plan


@dataclass(frozen=True)
class Reporter:
    """Reports progress to the user: `line` prints lines that stay, `now` shows the current step."""

    line: Callable[[str], None]
    now: Callable[[str], None]


def make_plan(graph: bytes, key: PlanKey, report: Reporter) -> tuple[bytes, PlanRecord]:
    def progress(phase: str, step: int, steps: int) -> None:
        report.now(f"{key.flavour}: {phase}, {step} of {steps}")

    gpus = ", ".join(f"{aim // 10}.{aim % 10}" for aim in key.capabilities)
    report.line(f"building a {key.precision} plan with {key.flavour} {key.version} for compute capability {gpus}")
    built = build_plan(graph, key.flavour, key.capabilities, progress)
    return built.plan, record_of(built.plan, key, built.layer_types)
