from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from pipelines.conversion.export import export
from pipelines.inference.engines.pytorch import PyTorchEngine
from pipelines.networks.architectures import Reader
from pipelines.training.calibration import calibrate, fitted_temperature
from pipelines.training.examples import Examples
from pipelines.training.line_task import labels_of
from pipelines.training.ragged import Ragged
from tests import lines
from tests.digits import drawn, new_reader, plain
from tests.models import taught


def chosen_by(probabilities: torch.Tensor) -> torch.Tensor:
    return torch.multinomial(probabilities, 1).squeeze(1)


@pytest.mark.parametrize("wanted", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(wanted: float) -> None:
    torch.manual_seed(0)
    logits = 3 * torch.randn(20_000, 10)
    labels = chosen_by((logits / wanted).softmax(1))
    assert fitted_temperature([(logits, labels)]) == pytest.approx(wanted, rel=0.05)


def test_confidences_stay_in_bounds_where_every_image_is_read_right() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    assert fitted_temperature([(logits, torch.tensor([0, 1]))]) == pytest.approx(0.5, rel=1e-4)


def test_calibration_lowers_the_loss_and_changes_no_reading() -> None:
    reader, validation = taught(drawn(1000)), drawn(300, seed=9)
    images, labels = torch.tensor(validation.images), torch.tensor(validation.labels).long()
    before = reader(images).detach()
    temperature = calibrate(reader, Examples.of(validation), plain(calibrate=True))
    after = reader(images).detach()
    assert temperature != 1
    assert torch.allclose(after * temperature, before, atol=1e-4)
    assert functional.cross_entropy(after, labels) < functional.cross_entropy(before, labels)


def test_it_is_the_same_each_time() -> None:
    reader, validation = taught(drawn(500)), Examples.of(drawn(100, seed=9))
    options = plain(augment="paper", calibrate=True)
    assert calibrate(reader, validation, options) == calibrate(reader, validation, options)


def test_the_graph_has_the_temperature_inside() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    reader = new_reader("ink").eval()
    reader.temperature.fill_(2.5)
    session = onnxruntime.InferenceSession(export(reader))
    images = drawn(20).images
    with PyTorchEngine(reader, 1) as engine:
        expected = engine.run(images)
    assert abs(session.run(None, {"images": images})[0] - expected).max() < 1e-4
    assert float(reader.temperature) == 2.5


def test_weights_from_before_calibration_load_as_uncalibrated() -> None:
    old = new_reader().state_dict()
    del old["temperature"]
    reader = Reader("small", 10, 0.0, 1.0)
    reader.temperature.fill_(7.0)
    reader.load_state_dict(old)
    assert float(reader.temperature) == 1.0


@pytest.mark.parametrize(("told", "sure"), [(lines.KNOWN, True), (("23", "611", "1"), False)])
def test_a_reader_of_lines_is_as_sure_as_it_is_right(told: tuple[str, ...], sure: bool) -> None:
    reader = copy.deepcopy(lines.taught())
    validation = Examples(Ragged([lines.picture(number) for number in lines.KNOWN]), labels_of(told))
    assert (calibrate(reader, validation, lines.OPTIONS) < 1) == sure
