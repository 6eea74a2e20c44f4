"""Steps as a CUDA graph: they learn as steps do one by one, with new chance each time, and can be resumed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from jobs.benches.gpu.training import train_often
from pipelines.corpora import Corpus
from pipelines.networks.cuda_graphs import WARM_UP
from pipelines.training.captured import CapturedUpdate
from pipelines.training.learner import Learner
from tests.digits import drawn, new_reader, plain, tensors

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


def new_learner(options: Any, cuda_graph: bool, device: torch.device = CUDA) -> Learner:
    torch.manual_seed(0)
    return Learner(options, new_reader(options.network), device, cuda_graph=cuda_graph)


def course(learner: Learner, steps: int, rate: float = 0.003) -> list[float]:
    images, labels = (tensor.to(learner.device) for tensor in tensors(drawn(64)))
    return torch.stack([learner.step(images, labels, rate) for _ in range(steps)]).tolist()


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.05), ("adam", 0.003), ("adamw", 0.003), ("muon", 0.003)])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_graph_learns_as_single_steps_do(optimizer: Any, rate: float, precision: Any) -> None:
    options = plain(network="small", optimizer=optimizer, precision=precision, clip=1.0)
    captured, plainly = new_learner(options, True), new_learner(options, False)
    assert isinstance(captured._learn, CapturedUpdate)
    assert not isinstance(plainly._learn, CapturedUpdate)
    found, expected = course(captured, 20, rate), course(plainly, 20, rate)
    assert found == pytest.approx(expected, rel=0.05, abs=0.05)
    assert found[-1] < 0.8 * found[0]


def test_the_learning_rate_of_each_step_is_heeded() -> None:
    learner = new_learner(plain(optimizer="sgd", weight_decay=0.0), True)
    course(learner, WARM_UP + 2)
    before = [parameter.detach().clone() for parameter in learner.reader.parameters()]
    course(learner, 2, rate=0.0)
    assert all(torch.equal(*pair) for pair in zip(before, learner.reader.parameters(), strict=True))
    course(learner, 1, rate=0.01)
    assert not all(torch.equal(*pair) for pair in zip(before, learner.reader.parameters(), strict=True))


def test_every_replay_drops_others() -> None:
    losses = course(new_learner(plain(network="cnn", optimizer="sgd"), True), WARM_UP + 6, rate=0.0)
    assert len(set(losses)) == len(losses)


@pytest.mark.parametrize("augment", ["affine", "paper"])
def test_it_learns_with_everything_on(augment: Any) -> None:
    learner = new_learner(plain(network="ink", augment=augment, ema=0.9, precision="bf16"), True)
    losses = course(learner, 60)
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
    assert learner.evaluate(*(tensor.to(CUDA) for tensor in tensors(drawn(64))))[0] > 32


@pytest.mark.parametrize("second", [CUDA, CPU])
def test_a_checkpoint_of_the_gpu_goes_on_anywhere(second: torch.device, tmp_path: Any) -> None:
    learner = new_learner(plain(network="ink"), True)
    course(learner, 10)
    torch.save(learner.state(), tmp_path / "state.pt")
    resumed = new_learner(plain(network="ink"), True, second)
    resumed.load_state(torch.load(tmp_path / "state.pt", map_location="cpu", weights_only=True))
    assert course(resumed, 10) == pytest.approx(course(learner, 10), rel=0.1, abs=0.1)


def test_whole_trainings_end_alike() -> None:
    corpus = Corpus("drawn", drawn(2000), drawn(500, seed=4))
    runs = train_often(plain(network="small", epochs=8, learning_rate=0.004), corpus, CUDA, seeds=2)
    assert runs.accuracy > 0.8
