from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipelines.augment import EFFECTS, augment
from pipelines.augment.steps import LIGHT, STEPS, on_paper
from pipelines.images.digits import is_prepared
from tests.digits import drawn, tensors


def digits(count: int = 200) -> Tensor:
    return tensors(drawn(count))[0]


def seeded(seed: int, count: int = 200) -> Tensor:
    torch.manual_seed(seed)
    return augment(digits(count), "paper")


def test_it_keeps_shape_and_range_and_most_of_the_form() -> None:
    after = seeded(0)
    assert after.shape == (200, 28, 28)
    assert 0 <= after.min() <= after.max() <= 255.01
    assert is_prepared(after.round().to(torch.uint8).numpy()).mean() > 0.75


def test_it_is_the_same_to_the_bit_under_the_same_seed() -> None:
    assert torch.equal(seeded(7), seeded(7))
    assert not torch.equal(seeded(7), seeded(8))


def test_a_share_stays_clean_and_the_rest_does_not() -> None:
    before, after = digits(500).float(), seeded(0, 500)
    clean = round(LIGHT * 500)
    apart = (after - before).abs().mean((1, 2))
    assert apart[:clean].median() < 0.75 * apart[clean:].median()


def test_no_digit_is_lost() -> None:
    assert (seeded(3, 1000).amax((1, 2)) > 200).all()


def test_blank_paper_stays_blank_since_a_line_on_it_would_be_a_one() -> None:
    torch.manual_seed(0)
    assert augment(torch.zeros(200, 28, 28, dtype=torch.uint8), "paper").abs().max() == 0


def test_with_everything_left_out_a_digit_is_prepared_alone() -> None:
    before = digits().float()
    after = on_paper(digits(), EFFECTS)
    assert (after - before).abs().mean() < (before.roll(1, 2) - before).abs().mean()
    assert torch.equal(after, on_paper(digits(), EFFECTS))


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_that_is_left_out_is_not_called(effect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr("pipelines.augment.steps.some", lambda images, share, what: called.append(what) or images)
    on_paper(digits(4), {effect})
    assert called == [step.effect for step in STEPS if step.family != effect]


def test_half_precision_around_it_does_not_blur_where_things_lie() -> None:
    alone = seeded(5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(seeded(5), alone)
