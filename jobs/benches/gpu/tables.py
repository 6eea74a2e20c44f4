"""Tables of the GPU bench: speeds beside the limits, and which goals were reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from jobs.benches.gpu.limits import IMAGE_BYTES, GpuLimits
from jobs.benches.gpu.training import TrainingRuns
from pipelines.training.options import TrainingOptions

FULL_BATCH = 16384
SHARE = 0.7
"""The share of the lower limit to be reached with a full batch."""
ALONE_S = 150e-6
"""The time for one image from host to host."""
TRAINING_S = 5.0


@dataclass(frozen=True)
class GpuRow:
    name: str
    ours: bool
    batch: int
    host_to_host: float
    on_card: float
    """Both are in images per second."""
    seconds: float
    """The median time of one call from host to host."""


@dataclass(frozen=True)
class Goal:
    name: str
    found: str
    reached: bool


def card_table(about: Mapping[str, str]) -> Table:
    table = Table("", "", show_header=False)
    for name, value in about.items():
        table.add_row(name, value)
    return table


def speed_table(rows: list[GpuRow], limits: GpuLimits, reference: str) -> Table:
    table = Table("batch", "", "host to host", "of the limit", "on the card", "p50", title=f"{reference}, images/s")
    for row in sorted(rows, key=lambda row: row.batch):
        share = f"{row.host_to_host / limits.images_per_second:.3f}"
        speeds = f"{row.host_to_host:,.0f}", share, f"{row.on_card:,.0f}"
        table.add_row(str(row.batch), row.name, *speeds, f"{row.seconds * 1e6:,.0f} us")
    table.add_section()
    copied = f"copying {IMAGE_BYTES} B an image at {limits.bytes_per_second / 1e9:,.1f} GB/s"
    table.add_row("", copied, f"{limits.by_copy:,.0f}")
    rate, each = limits.operations_per_second / 1e12, limits.operations_per_image / 1e6
    computed = f"{each:,.1f} M operations an image at {rate:,.0f} T a second"
    table.add_row("", computed, f"{limits.by_arithmetic:,.0f}")
    return table


def actor_table(shared: Mapping[tuple[str, int], float], batch: int) -> Table:
    table = Table("", "actors", "images/s", title=f"one GPU shared, host to host, batch {batch}")
    for (name, actors), speed in shared.items():
        table.add_row(name, str(actors), f"{speed:,.0f}")
    return table


def training_table(runs: TrainingRuns, options: TrainingOptions) -> Table:
    title = f"{options.network} on {options.corpus}, {options.epochs} epochs, batch {options.batch}, without Ray"
    table = Table("", "mean", "least", "most", title=title)
    for name, values, form in (
        ("accuracy", [run.accuracy for run in runs.each], "{:.3%}"),
        ("seconds", [run.seconds for run in runs.each], "{:.2f}"),
    ):
        table.add_row(name, *(form.format(one) for one in (sum(values) / len(values), min(values), max(values))))
    return table


def speed_goals(rows: list[GpuRow], limits: GpuLimits) -> list[Goal]:
    """The goals, for the best of our own engines; a goal without a measurement is not reached."""
    full = [row.host_to_host / limits.images_per_second for row in rows if row.ours and row.batch == FULL_BATCH]
    alone = [row.seconds for row in rows if row.ours and row.batch == 1]
    share, quickest = max(full, default=0.0), min(alone, default=float("inf"))
    return [
        Goal(f"at least {SHARE} of the lower limit at {FULL_BATCH}", f"{share:.3f}", share >= SHARE),
        Goal(f"p50 of one image under {ALONE_S * 1e6:.0f} us", f"{quickest * 1e6:.0f} us", quickest < ALONE_S),
    ]


def training_goals(runs: TrainingRuns, target: float) -> list[Goal]:
    count = len(runs.each)
    return [
        Goal(f"mean accuracy of {count} seeds at least {target:.1%}", f"{runs.accuracy:.3%}", runs.accuracy >= target),
        Goal(f"in less than {TRAINING_S:g} s", f"{runs.seconds:.2f} s", runs.seconds < TRAINING_S),
    ]


def goal_table(goals: list[Goal]) -> Table:
    table = Table("goal", "found", "")
    for goal in goals:
        table.add_row(goal.name, goal.found, "reached" if goal.reached else "missed")
    return table
