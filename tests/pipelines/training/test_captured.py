"""What a captured step learns is what the step learns, on a stand-in for the GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.networks.cuda_graphs import WARM_UP
from pipelines.training.captured import CapturedUpdate
from pipelines.training.learner import Learner
from tests.digits import drawn, new_reader, plain, tensors
from tests.no_card import no_card

CPU = torch.device("cpu")
# Which a float32 holds to the bit, as the learning rate of a graph is one.
RATES = [2**-9, 2**-8, 2**-7, 2**-8, 2**-9, 2**-10, 2**-11]


def new_learner(options: Any, captured: bool, seed: int = 0) -> Learner:
    torch.manual_seed(seed)
    learner = Learner(options, new_reader(options.network), CPU)
    if captured:
        learner._learn = CapturedUpdate(learner._update, CPU)
    return learner


Batch = tuple[Tensor, Tensor, float]


def batches(count: int) -> list[Batch]:
    images, labels = tensors(drawn(64 * count))
    return list(zip(images.split(64), labels.split(64), (RATES * 2)[:count], strict=True))


def course(learner: Learner, steps: list[Batch]) -> list[float]:
    """The losses, looked at in the end, as the loop does."""
    torch.manual_seed(7)
    return torch.stack([learner.step(*batch) for batch in steps]).tolist()


@pytest.mark.parametrize(
    "options",
    [
        plain(network="small-dropout", optimizer="adamw", augment="affine"),
        plain(network="ink", optimizer="adam", ema=0.9, clip=1.0, precision="bf16"),
        plain(network="ink", optimizer="sgd", augment="paper", label_smoothing=0.1),
        plain(network="ink", optimizer="muon", ema=0.9),
    ],
    ids=["adamw", "adam", "sgd", "muon"],
)
def test_it_learns_the_same_to_the_bit(options: Any) -> None:
    plainly, steps = new_learner(options, captured=False), batches(WARM_UP + 4)
    expected = course(plainly, steps)
    with no_card():
        learner = new_learner(options, captured=True)
        assert course(learner, steps) == expected
    for name, value in learner.evaluated.state_dict().items():
        assert torch.equal(plainly.evaluated.state_dict()[name], value), name


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
def test_a_checkpoint_of_either_kind_is_resumed_by_the_other(optimizer: Any, first: bool, second: bool) -> None:
    options, steps = plain(network="ink", optimizer=optimizer), batches(12)
    plainly = new_learner(options, captured=False)
    expected = course(plainly, steps[:6]), course(plainly, steps[6:])
    with no_card():
        begun = new_learner(options, captured=first)
        assert course(begun, steps[:6]) == expected[0]
        resumed = new_learner(options, captured=second, seed=1)
        resumed.load_state(begun.state())
        assert course(resumed, steps[6:]) == expected[1]
        if second:
            # Adam refuses to be captured otherwise.
            groups = [group for optimizer in resumed.optimizers for group in optimizer.param_groups]
            assert all(group["capturable"] for group in groups)


def test_on_a_cpu_nothing_is_captured() -> None:
    learner = Learner(plain(), new_reader(), CPU)
    assert learner._learn == learner._update
