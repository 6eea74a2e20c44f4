"""An optimizer for the weights between a network's first and last layer, which together turn one space into another.

Muon, as Keller Jordan described it (2024): such a step moves by the nearest orthogonal matrix to its momentum, so that
directions which the gradient hardly shows are learnt as quickly as the few that rule it. torch.optim.Muon is the same
for dense layers, and refuses the kernels of convolutions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# The quintic whose iteration brings singular values near 1, from the same source: the faster, the less exact.
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# With it a step is as long as one of Adam's, whose rates and decays then serve here too (Liu et al., 2025).
LENGTH = 0.2


def near_orthogonal(matrix: Tensor) -> Tensor:
    """The same directions, all of about the same length: singular values between 0.7 and 1.2."""
    flat = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    flat = flat / (flat.norm() + 1e-7)
    linear, cubic, quintic = QUINTIC
    for _ in range(ITERATIONS):
        square = flat @ flat.T
        flat = linear * flat + (cubic * square + quintic * square @ square) @ flat
    return flat if matrix.shape[0] <= matrix.shape[1] else flat.T


def weights_between(parameters: Iterable[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Those that turn several inputs into features, and the others: the last layer, and what sees one input alone."""
    everything = list(parameters)
    mixing = [weight for weight in everything if weight.ndim > 1 and weight.shape[1] > 1]
    between = {id(weight) for weight in mixing[:-1]}
    return [p for p in everything if id(p) in between], [p for p in everything if id(p) not in between]


class Muon(torch.optim.Optimizer):
    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(state["momentum"], group["momentum"])
        matrix = near_orthogonal(ahead.flatten(1))
        # In a captured graph the rate is a tensor; as one always, it gives the same to the bit.
        rate = torch.as_tensor(group["lr"], dtype=weight.dtype, device=weight.device)
        weight.mul_(1 - rate * group["weight_decay"])
        weight.sub_(matrix.reshape_as(weight) * (rate * LENGTH * max(matrix.shape) ** 0.5))
