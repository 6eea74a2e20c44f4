"""Of a line the sequence is wanted, wherever in it each digit stands."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.training.losses import PADDING, count_right, mean_loss, summed_loss

REST = 10


def logits_that_say(*lines: tuple[int, ...]) -> Tensor:
    return 9.0 * torch.nn.functional.one_hot(torch.tensor(lines), 11).float()


def labels(*lines: str, most: int = 4) -> Tensor:
    return torch.tensor([[*map(int, line), *[PADDING] * (most - len(line))] for line in lines])


SAID = logits_that_say((1, 1, REST, 1, 2, REST), (REST,) * 6, (3, REST, 4, 4, REST, 4))


def test_lines_are_right_when_they_spell_the_whole_number() -> None:
    assert count_right(SAID, labels("112", "", "344")) == 3
    assert count_right(SAID, labels("12", "", "344")) == 2
    assert count_right(SAID, labels("1123", "0", "34")) == 0


def test_a_line_that_says_more_digits_than_any_has_is_wrong() -> None:
    assert count_right(SAID, labels("11", "", "34", most=2)) == 1
    assert count_right(logits_that_say((1, 2, 3, 4, 5, 6)), labels("12", most=2)) == 0


def test_the_loss_sums_every_way_to_spell_it() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 4, 11)
    chances = logits[0].softmax(-1).numpy()
    ways = 0.0
    for said in product(range(11), repeat=4):
        begins = [one for one, last in zip(said, (REST, *said), strict=False) if one not in (last, REST)]
        ways += float(np.prod(chances[range(4), said])) if begins == [5, 5] else 0.0
    assert float(summed_loss(logits, labels("55"))) == pytest.approx(-np.log(ways), abs=1e-4)


def test_the_mean_is_over_lines_however_long() -> None:
    torch.manual_seed(0)
    logits, wanted = torch.randn(3, 9, 11), labels("1", "2345", "")
    assert float(mean_loss(logits, wanted)) == pytest.approx(float(summed_loss(logits, wanted)) / 3, rel=1e-5)


def test_a_line_too_short_for_its_digits_teaches_nothing() -> None:
    logits = torch.zeros(1, 3, 11, requires_grad=True)
    loss = mean_loss(logits, labels("1111"))
    loss.backward()
    assert float(loss.detach()) == 0.0 and logits.grad is not None and not logits.grad.any()


def test_digits_are_judged_one_by_one() -> None:
    logits = torch.eye(3)
    assert count_right(logits, torch.tensor([0, 1, 1])) == 2
    assert float(summed_loss(logits, torch.tensor([0, 1, 2]))) == pytest.approx(
        3 * float(mean_loss(logits[:1], torch.tensor([0])))
    )
