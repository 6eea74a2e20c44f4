"""Lines of many widths are batches of one width, and none is lost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.training.ragged import STEP, Ragged, at_once, of_like_width


@pytest.fixture
def lines() -> Ragged:
    return Ragged([np.full((48, width), number + 1, np.uint8) for number, width in enumerate((30, 7, 64, 33, 16))])


def test_a_batch_is_as_wide_as_its_widest_and_empty_behind_the_others(lines: Ragged) -> None:
    batch = lines[torch.tensor([3, 1])]
    assert batch.shape == (2, 48, 3 * STEP) and batch.dtype == torch.uint8
    assert (batch[0, :, :33] == 4).all() and not batch[0, :, 33:].any()
    assert (batch[1, :, :7] == 2).all() and not batch[1, :, 7:].any()


def test_parts_are_in_order_and_hold_all(lines: Ragged) -> None:
    assert [part[:, 0, 0].tolist() for part in lines.split(2)] == [[1, 2], [3, 4], [5]]
    assert [part[:, 0, 0].tolist() for part in lines.every(2, 1).split(9)] == [[2, 4]]
    assert [part[:, 0, 0].tolist() for part in lines.in_order(torch.tensor([4, 0])).split(9)] == [[5, 1]]
    assert (len(lines), len(lines.every(2, 0))) == (5, 3)


def test_fewer_lines_than_digits_are_judged_at_once(lines: Ragged) -> None:
    assert at_once(lines) < at_once(torch.zeros(3))


@settings(deadline=None)
@given(st.lists(st.integers(1, 600), max_size=200), st.integers(1, 9), st.integers(0, 99))
def test_an_order_of_like_width_holds_each_once(widths: list[int], batch: int, seed: int) -> None:
    order = torch.randperm(len(widths), generator=torch.Generator().manual_seed(seed))
    arranged = of_like_width(order, torch.tensor(widths, dtype=torch.long), batch, seed)
    assert sorted(arranged.tolist()) == list(range(len(widths)))
    assert torch.equal(arranged, of_like_width(order, torch.tensor(widths, dtype=torch.long), batch, seed))


def test_batches_hold_lines_of_about_one_width_in_mixed_order() -> None:
    widths = torch.randint(20, 400, (6400,), generator=torch.Generator().manual_seed(0))
    batches = widths[of_like_width(torch.arange(6400), widths, 32, 0)].view(-1, 32)
    spreads = batches.amax(1) - batches.amin(1)
    assert float(spreads.float().median()) < 60
    middles = batches.float().mean(1)
    assert float((middles[1:] - middles[:-1]).abs().mean()) > 60
