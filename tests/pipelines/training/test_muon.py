from __future__ import annotations

import pytest
import torch

from pipelines.networks.architectures import NETWORKS
from pipelines.training.muon import Muon, near_orthogonal, weights_between


@pytest.mark.parametrize("shape", [(48, 288), (96, 192), (130, 40), (1, 25)])
def test_every_direction_becomes_about_as_long(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    found = torch.linalg.svdvals(near_orthogonal(torch.randn(shape)))
    assert 0.65 < float(found.min()) <= float(found.max()) < 1.25


def test_the_directions_themselves_stay() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(20, 50)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ near_orthogonal(matrix) @ right.T
    assert float((turned - turned.diag().diag()).abs().max()) < 1e-4


def test_no_gradient_is_no_direction() -> None:
    assert torch.equal(near_orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_dense_layers_move_as_by_the_one_of_torch() -> None:
    """Torch's computes the directions in bfloat16, so that each step agrees to about a hundredth of its length."""
    torch.manual_seed(0)
    start = torch.randn(48, 80)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    settings = {"lr": 0.01, "weight_decay": 0.1, "momentum": 0.95}
    rivals = Muon([ours], **settings), torch.optim.Muon([theirs], adjust_lr_fn="match_rms_adamw", **settings)
    for _ in range(5):
        ours.grad = torch.randn(48, 80)
        theirs.grad = ours.grad.clone()
        for optimizer in rivals:
            optimizer.step()
    moved = float((theirs - start).detach().norm())
    assert float((ours - theirs).detach().norm()) < 0.02 * moved
    assert moved > 0.1


@pytest.mark.parametrize("outputs", [6, 60])
def test_a_kernel_moves_as_the_matrix_it_is(outputs: int) -> None:
    torch.manual_seed(0)
    start, slope = torch.randn(2, outputs, 4, 3, 3)
    kernel, matrix = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.flatten(1).clone())
    kernel.grad, matrix.grad = slope.to(memory_format=torch.channels_last), slope.flatten(1)
    Muon([kernel, matrix], 0.01, 0.1).step()
    assert torch.equal(kernel.flatten(1), matrix)
    assert not torch.equal(kernel, start)


def test_what_has_no_gradient_stays() -> None:
    weight = torch.nn.Parameter(torch.ones(3, 4))
    Muon([weight], 0.01, 0.1).step()
    assert torch.equal(weight, torch.ones(3, 4))


@pytest.mark.parametrize(("network", "expected"), [("ink", 4), ("cnn", 2), ("mlp3", 2), ("mlp5", 4)])
def test_it_is_given_what_lies_between(network: str, expected: int) -> None:
    """Not the stem, which sees one channel, nor a kernel for each channel alone, nor scales, nor the last layer."""
    parameters = list(NETWORKS[network](10).parameters())
    between, rest = weights_between(parameters)
    assert len(between) == expected
    assert {id(p) for p in between} | {id(p) for p in rest} == {id(p) for p in parameters}
    assert len(between) + len(rest) == len(parameters)
    assert all(weight.ndim > 1 and weight.shape[1] > 1 for weight in between)
    assert any(len(weight) == 10 and weight.ndim == 2 for weight in rest)
