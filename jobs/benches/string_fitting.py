"""How the weights in `strings/hypotheses.py` were chosen: so that drawn strings become as likely as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.strings.hypotheses import DROPPED, LABELS, WEIGHTS, features
from pipelines.strings.reading import CutString, Reader, cut_string, read_segments
from pipelines.strings.segments import MOST_PIECES
from pipelines.strings.synthesis import WrittenString

HOPELESS = torch.tensor(1e-3).log()
"""A string that no weights would read teaches them nothing."""
RESTRAINT = 1e-3
"""How much a weight is drawn to 0."""
STEPS = 60
NEVER = -1e4
PART = 100
"""Strings read in one call."""


@dataclass(frozen=True)
class Lattices:
    """Many strings' lattices in arrays: [strings, end, pieces taken - 1, labels, features]."""

    values: Tensor
    allowed: Tensor
    counts: Tensor
    truths: list[str]


def make_lattices(strings: Sequence[WrittenString], reader: Reader, classes: Sequence[str]) -> Lattices:
    rows: list[tuple[CutString, NDArray[np.float64], NDArray[np.bool_], str]] = []
    for start in range(0, len(strings), PART):
        part = strings[start : start + PART]
        cuts = [cut_string(string.image) for string in part]
        for string, cut, found in zip(part, cuts, read_segments(cuts, reader, len(classes)), strict=True):
            if cut and len(string.digits) <= len(cut.pieces.pieces) <= 30:
                rows.append((cut, *features(cut.pieces, cut.segments, found, classes), string.digits))
    longest = max(len(cut.pieces.pieces) for cut, *_ in rows)
    shape = (len(rows), longest + 1, MOST_PIECES, LABELS)
    values, allowed = np.zeros((*shape, len(WEIGHTS)), np.float32), np.zeros(shape, bool)
    for row, (cut, found, can_be, _) in enumerate(rows):
        for index, segment in enumerate(cut.segments):
            place = (row, segment.end, segment.end - segment.first - 1)
            values[place], allowed[place] = found[index], can_be[index]
    counts = torch.tensor([len(cut.pieces.pieces) for cut, *_ in rows])
    return Lattices(torch.tensor(values), torch.tensor(allowed), counts, [row[-1] for row in rows])


def fit_weights(lattices: Lattices) -> tuple[dict[str, float], float]:
    """The weights, and how likely they make the truth: the mean logarithm."""
    start = torch.tensor(list(WEIGHTS.values()))
    weights = start.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS([weights], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        missed = -torch.logaddexp(_likelihoods(lattices, weights), HOPELESS).mean()
        total = missed + RESTRAINT * weights.square().sum()
        total.backward()
        return total

    optimiser.step(loss)
    with torch.no_grad():
        final = float(_likelihoods(lattices, weights).clamp(min=float(HOPELESS)).mean())
    return dict(zip(WEIGHTS, weights.tolist(), strict=True)), final


def _likelihoods(lattices: Lattices, weights: Tensor) -> Tensor:
    """The logarithm of each truth's posterior."""
    scores = (lattices.values @ weights).masked_fill(~lattices.allowed, NEVER)
    return _truth(lattices, scores) - _everything(lattices, scores)


def _everything(lattices: Lattices, scores: Tensor) -> Tensor:
    edges = scores.logsumexp(-1)
    sums = [torch.zeros(len(edges))]
    for end in range(1, edges.shape[1]):
        taken = range(1, min(MOST_PIECES, end) + 1)
        sums.append(torch.stack([sums[end - k] + edges[:, end, k - 1] for k in taken]).logsumexp(0))
    return torch.stack(sums, 1)[torch.arange(len(edges)), lattices.counts]


def _truth(lattices: Lattices, scores: Tensor) -> Tensor:
    """The same over the paths that spell the truth: sums by node and by digits already spelt."""
    longest = max(map(len, lattices.truths))
    labels = torch.tensor([[int(digit) for digit in truth.ljust(longest, "0")] for truth in lattices.truths])
    strings = torch.arange(len(labels))
    first = torch.full((len(labels), longest + 1), NEVER)
    first[:, 0] = 0.0
    sums = [first]
    for end in range(1, scores.shape[1]):
        ways = []
        for k in range(1, min(MOST_PIECES, end) + 1):
            before, edge = sums[end - k], scores[:, end, k - 1]
            ways.append(before + edge[:, DROPPED, None])
            spelt = before[:, :-1] + edge.gather(1, labels)
            ways.append(torch.cat([torch.full((len(labels), 1), NEVER), spelt], 1))
        sums.append(torch.stack(ways).logsumexp(0))
    lengths = torch.tensor([len(truth) for truth in lattices.truths])
    return torch.stack(sums, 1)[strings, lattices.counts, lengths]


def fit_sureness(posteriors: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """The line from log odds to log odds that makes what was right the likeliest."""
    inside = torch.tensor(np.clip(posteriors, 1e-6, 1 - 1e-6))
    odds, truth = (inside / (1 - inside)).log(), torch.tensor(right).double()
    line = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        missed = torch.nn.functional.binary_cross_entropy_with_logits(line[0] * odds + line[1], truth)
        missed.backward()
        return missed

    optimiser.step(loss)
    slope, start = line.tolist()
    return slope, start
