"""The reader of whole numbers that comes with the code: whole, of the recipe that stands here, and as good as said."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.benches.strings import labelled_strings, read_all, score_of
from pipelines.inference.line_recognizer import frames_of, open_line_model
from pipelines.models.version import BUILTIN_LINES
from pipelines.networks.weights import load_reader
from pipelines.strings.samples import draw_lines
from pipelines.strings.synthesis import draw_strings
from pipelines.training.recipes import RECIPES
from tests.digits import builtin
from tests.lines import shipped


def test_it_is_whole_small_and_made_by_the_recipe() -> None:
    model = open_line_model(BUILTIN_LINES)
    assert model.changed_files() == []
    assert {path.name for path in model.path.iterdir()} == {*model.manifest["files"], "manifest.json"}
    assert sum(path.stat().st_size for path in model.path.iterdir()) < 3_000_000
    assert model.manifest["recipe"] == asdict(RECIPES["lines"])
    assert model.classes == [*"0123456789", ""]


def test_the_graph_says_what_the_weights_say() -> None:
    weights = load_reader(open_line_model(BUILTIN_LINES).path)
    pictures = [line.picture for line in draw_lines(20, 77, builtin().train, 0.1)]
    with torch.inference_mode():
        own = frames_of(pictures, lambda lines: weights(torch.from_numpy(lines)).softmax(-1).numpy())
    assert max(float(np.abs(one - other).max()) for one, other in zip(own, shipped()(pictures), strict=True)) < 1e-3


def test_it_reads_most_drawn_numbers_exactly_and_knows_which() -> None:
    test = builtin().test
    assert test is not None
    strings = list(draw_strings(150, 0, [test]))
    score = score_of(read_all(strings, shipped()), [string.digits for string in strings])
    assert score.exact > 0.75
    assert abs(score.mean_confidence - score.exact) < 0.1


def test_it_reads_amounts_on_cheques_as_its_card_says(measuring_data: Path) -> None:
    folder = measuring_data / "orand_car_a"
    if not folder.is_dir():
        pytest.skip(f"no cheques: {folder} is not there")
    strings = list(labelled_strings(folder))[:300]
    assert score_of(read_all(strings, shipped()), [string.digits for string in strings]).exact > 0.65
