"""Upper limits of a GPU: the rate at which images reach it, and the rate at which it multiplies."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from pipelines.images import SIDE
from pipelines.networks.architectures import Reader
from pipelines.networks.folding import Readout, folded

IMAGE_BYTES = SIDE * SIDE
COPIED_BYTES = 1 << 28
SQUARE = 8192
"""The side of the matrices that are multiplied: large enough to fill any card there is."""


@dataclass(frozen=True)
class GpuLimits:
    bytes_per_second: float
    """Bytes per second from pinned memory to the card."""
    operations_per_second: float
    """Additions and multiplications per second in a large matrix product in half precision."""
    operations_per_image: int

    @property
    def by_copy(self) -> float:
        return self.bytes_per_second / IMAGE_BYTES

    @property
    def by_arithmetic(self) -> float:
        return self.operations_per_second / self.operations_per_image

    @property
    def images_per_second(self) -> float:
        """The lower of the two limits."""
        return min(self.by_copy, self.by_arithmetic)


def measure_limits(reader: Reader) -> GpuLimits:
    return GpuLimits(_copy_rate(), _matmul_rate(), operations_per_image(reader))


def operations_per_image(reader: Reader) -> int:
    """The operations of the convolutions and dense layers; those of other layers are not counted."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        Readout(folded(reader))(torch.zeros(1, SIDE, SIDE, dtype=torch.uint8))
    return counter.get_total_flops()


def _copy_rate() -> float:
    here = torch.zeros(COPIED_BYTES, dtype=torch.uint8).pin_memory()
    there = torch.empty_like(here, device="cuda")
    return COPIED_BYTES / _seconds(lambda: there.copy_(here, non_blocking=True))


def _matmul_rate() -> float:
    one, other = (torch.randn(SQUARE, SQUARE, dtype=torch.float16, device="cuda") for _ in range(2))
    product = torch.empty_like(one)
    return 2 * SQUARE**3 / _seconds(lambda: torch.matmul(one, other, out=product))


def _seconds(work: Callable[[], object], times: int = 20) -> float:
    """The time of one call, averaged over `times` calls without a gap."""
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(times):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / times
