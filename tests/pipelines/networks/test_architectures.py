from __future__ import annotations

import pytest
import torch

from pipelines.errors import UnknownName
from pipelines.networks.architectures import NETWORKS, Reader, WholeMap
from tests.digits import drawn, tensors

PARAMETERS = {
    "cnn": 1_199_882,
    "small": 21_840,
    "small-dropout": 21_840,
    "mlp3": 669_706,
    "mlp5": 1_195_018,
    "lenet5": 431_080,
    "ink": 187_050,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_has_its_size_and_reads_any_number_of_classes(name: str) -> None:
    assert sum(p.numel() for p in NETWORKS[name](10).parameters()) == PARAMETERS[name]
    reader = Reader(name, 11, mean=0.13, deviation=0.31).eval()
    images = tensors(drawn(3))[0]
    assert images.dtype == torch.uint8
    logits = reader(images)
    assert logits.shape == (3, 11)
    assert logits.dtype == torch.float32
    assert torch.allclose(logits[1:2], reader(images[1:2]), atol=1e-5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_sum_of_whole_maps_learns_what_it_would_as_the_convolution_it_is_published_as(
    layout: torch.memory_format,
) -> None:
    torch.manual_seed(0)
    summed, wanted = WholeMap(6, 7), torch.randn(3, 6, 1, 1)
    results = []
    for mode in (True, False):
        maps = torch.randn(3, 6, 7, 7, generator=torch.Generator().manual_seed(1)).to(memory_format=layout)
        maps.requires_grad_()
        summed.zero_grad()
        answer = summed.train(mode)(maps)
        (answer * wanted).sum().backward()
        results.append((answer, maps.grad, summed.weight.grad))
    for learning, published in zip(*results, strict=True):
        torch.testing.assert_close(learning, published)


def test_the_normalisation_travels_with_the_weights() -> None:
    torch.manual_seed(0)
    known = Reader("mlp3", 10, mean=0.25, deviation=0.5).eval()
    other = Reader("mlp3", 10, mean=0.0, deviation=1.0).eval()
    other.load_state_dict(known.state_dict())
    assert (other.mean.item(), other.deviation.item()) == (0.25, 0.5)
    images = tensors(drawn(4))[0]
    assert torch.equal(known(images), other(images))
    assert torch.equal(known(images), known.network(((images.float() / 255 - 0.25) / 0.5).unsqueeze(1)))


def test_an_unknown_network_is_told_the_known_ones() -> None:
    expected = (
        "There is no network 'lenet'; known: cnn, ink, lenet5, lines, mlp3, mlp5, small, small-dropout. "
        "Did you mean 'lenet5'?"
    )
    with pytest.raises(UnknownName) as caught:
        Reader("lenet", 10, mean=0, deviation=1)
    assert str(caught.value) == expected
