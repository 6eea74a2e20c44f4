"""A line in another hand is still that line."""

from __future__ import annotations

import torch

from pipelines.augment import augment
from pipelines.training.ragged import Ragged
from tests import lines


def batch(count: int = 32) -> torch.Tensor:
    return Ragged([lines.picture("236523")])[torch.zeros(count, dtype=torch.long)]


def test_each_is_changed_in_its_own_way_and_stays_ink_on_paper() -> None:
    torch.manual_seed(0)
    before = batch()
    after = augment(before, "line")
    assert after.shape == before.shape and after.dtype == torch.float32
    assert float(after.min()) >= 0 and float(after.max()) <= 255.5
    assert len({tuple(one.flatten().tolist()) for one in after}) == len(after)
    amounts = after.sum((1, 2)) / before.sum((1, 2))
    assert float(amounts.min()) > 0.4 and float(amounts.max()) < 1.9


def test_no_digit_is_pushed_out() -> None:
    torch.manual_seed(0)
    after = augment(batch(200), "line") > 60
    rows, columns = after.any(2), after.any(1)
    assert (~rows[:, 0]).float().mean() > 0.9 and (~rows[:, -1]).float().mean() > 0.9
    assert (~columns[:, -1]).float().mean() > 0.5


def test_without_augmentation_it_is_the_line_itself() -> None:
    assert torch.equal(augment(batch(1), "none"), batch(1))
