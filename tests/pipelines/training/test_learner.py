from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.networks.architectures import NETWORKS
from pipelines.training.learner import Learner
from pipelines.training.options import TrainingOptions
from tests.digits import drawn, new_reader, plain, tensors

CPU = torch.device("cpu")


def new_learner(options: TrainingOptions, seed: int = 0) -> Learner:
    torch.manual_seed(seed)
    return Learner(options, new_reader(options.network), CPU)


def losses(learner: Learner, steps: int, rate: float | None = None) -> list[float]:
    images, labels = tensors(drawn(64))
    rate = learner.options.learning_rate if rate is None else rate
    return [float(learner.step(images, labels, rate)) for _ in range(steps)]


def weights(learner: Learner) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in learner.reader.parameters()])


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_learns_64_digits_by_heart(network: str) -> None:
    learner = new_learner(plain(network=network, learning_rate=0.002))
    course = losses(learner, 20 if network == "cnn" else 40)
    right, loss = learner.evaluate(*tensors(drawn(64))).tolist()
    assert course[0] > 1.5
    assert loss / 64 < 0.5
    assert right >= 58


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.05), ("adam", 0.003), ("adamw", 0.003), ("muon", 0.003)])
def test_every_optimizer_learns(optimizer: Any, rate: float) -> None:
    course = losses(new_learner(plain(network="mlp3", optimizer=optimizer, learning_rate=rate)), 30)
    assert course[-1] < 0.3 * course[0]


@pytest.mark.parametrize("precision", ["bf16", "auto"])
def test_lower_precision_learns_too_and_keeps_the_weights_whole(precision: Any) -> None:
    learner = new_learner(plain(precision=precision, learning_rate=0.003))
    course = losses(learner, 30)
    assert course[-1] < 0.3 * course[0]
    assert weights(learner).dtype == torch.float32


def test_bf16_is_not_fp32_in_disguise() -> None:
    assert losses(new_learner(plain(precision="bf16")), 1) != losses(new_learner(plain(precision="fp32")), 1)


def test_the_step_moves_by_the_rate_it_is_given() -> None:
    options = plain(optimizer="sgd", weight_decay=0.0)
    moves = []
    for rate in (0.001, 0.01):
        learner = new_learner(options)
        before = weights(learner)
        losses(learner, 1, rate)
        moves.append((weights(learner) - before).norm().item())
    assert moves[1] == pytest.approx(10 * moves[0], rel=0.01)


def test_clip_limits_the_norm_of_the_gradient() -> None:
    """One plain step of SGD with Nesterov momentum moves by 1.9 times rate times gradient."""
    moves = {}
    for clip in (0.0, 0.01):
        learner = new_learner(plain(optimizer="sgd", weight_decay=0.0, clip=clip))
        before = weights(learner)
        losses(learner, 1, rate=1.0)
        moves[clip] = (weights(learner) - before).norm().item() / 1.9
    assert moves[0.0] > 0.1
    assert moves[0.01] == pytest.approx(0.01, rel=1e-3)


def test_label_smoothing_asks_for_less_certainty() -> None:
    """By hand: a share of the label goes to every class alike."""
    torch.manual_seed(0)
    logits = new_reader()(tensors(drawn(64))[0])
    labels = tensors(drawn(64))[1]
    wanted = torch.nn.functional.one_hot(labels, 10) * 0.8 + 0.2 / 10
    expected = -(wanted * logits.log_softmax(1)).sum(1).mean().item()
    assert losses(new_learner(plain(label_smoothing=0.2)), 1) == [pytest.approx(expected, rel=1e-4)]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
def test_weight_decay_makes_the_weights_smaller(optimizer: Any) -> None:
    sizes = []
    for decay in (0.0, 0.5):
        learner = new_learner(plain(optimizer=optimizer, weight_decay=decay, learning_rate=0.01))
        losses(learner, 5)
        sizes.append(weights(learner).norm().item())
    assert sizes[1] < 0.99 * sizes[0]


def test_augmentation_is_heeded() -> None:
    assert losses(new_learner(plain()), 1) != losses(new_learner(plain(augment="affine")), 1)


def test_without_an_average_the_reader_itself_is_judged() -> None:
    learner = new_learner(plain())
    assert learner.evaluated is learner.reader


@pytest.mark.parametrize("network", ["small", "ink"])
def test_the_average_is_judged_and_trails_the_reader(network: str) -> None:
    """By hand: after the first step a copy, then 0.9 of itself and 0.1 of the reader, batch statistics included."""
    learner = new_learner(plain(network=network, ema=0.9))
    expected: dict[str, Tensor] = {}
    for _ in range(3):
        losses(learner, 1)
        for name, value in learner.reader.state_dict().items():
            if value.is_floating_point():
                expected[name] = expected[name] * 0.9 + value * 0.1 if name in expected else value.clone()
    evaluated = learner.evaluated.state_dict()
    assert evaluated.keys() == learner.reader.state_dict().keys()
    for name, value in expected.items():
        assert torch.allclose(evaluated[name], value, atol=1e-6), name
    assert not torch.equal(evaluated["network.0.weight"], learner.reader.state_dict()["network.0.weight"])


def test_judging_counts_and_sums_over_batches_without_learning() -> None:
    learner = new_learner(plain(network="cnn"))
    before = weights(learner)
    images, labels = tensors(drawn(25))
    whole, in_parts = learner.evaluate(images, labels), learner.evaluate(images, labels, batch=4)
    assert torch.allclose(whole, in_parts, rtol=1e-4)
    logits = learner.reader.eval()(images)
    assert whole[0] == (logits.argmax(1) == labels).sum()
    assert whole[1].item() == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item() * 25, rel=1e-4)
    assert torch.equal(before, weights(learner))


def test_after_judging_it_goes_on_learning_with_dropout() -> None:
    learner = new_learner(plain())
    learner.evaluate(*tensors(drawn(5)))
    assert learner.reader.training


def test_no_images_to_judge_are_none_right() -> None:
    """With more workers than held-back images, one of them has none."""
    images, labels = tensors(drawn(2))
    assert new_learner(plain()).evaluate(images[:0], labels[:0]).tolist() == [0, 0]


@pytest.mark.parametrize(
    "options",
    [
        plain(network="small-dropout", optimizer="adamw", augment="affine"),
        plain(network="ink", optimizer="sgd", ema=0.9, augment="affine", learning_rate=0.05),
        plain(network="ink", optimizer="adam", ema=0.9, clip=1.0, label_smoothing=0.1),
        plain(network="ink", optimizer="muon"),
    ],
    ids=["adamw", "sgd", "adam", "muon"],
)
def test_a_resumed_learner_goes_on_to_the_bit(options: TrainingOptions) -> None:
    learner = new_learner(options)
    losses(learner, 4)
    saved = through_a_file(learner.state())
    torch.manual_seed(99)
    whole = losses(learner, 4)

    resumed = new_learner(options, seed=1)
    resumed.load_state(saved)
    torch.manual_seed(99)
    assert losses(resumed, 4) == whole
    assert torch.equal(weights(resumed), weights(learner))
    for name, value in learner.evaluated.state_dict().items():
        assert torch.equal(resumed.evaluated.state_dict()[name], value), name


def test_a_run_begun_when_there_was_one_optimizer_goes_on() -> None:
    learner = new_learner(plain())
    losses(learner, 2)
    saved = learner.state()
    [optimizer] = saved.pop("optimizers")
    resumed = new_learner(plain(), seed=1)
    resumed.load_state(through_a_file(saved | {"optimizer": optimizer}))
    assert losses(resumed, 2) == losses(learner, 2)
