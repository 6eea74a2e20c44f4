from __future__ import annotations

from dataclasses import asdict

import pytest
import tyro

from jobs.train import Train, defaults_of
from pipelines.errors import UnknownName
from pipelines.training.options import TrainingOptions
from pipelines.training.recipes import RECIPES, recipe_named


def parsed(*words: str) -> Train:
    first = tyro.cli(Train, args=words)
    return tyro.cli(Train, args=words, default=defaults_of(first) or first)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_makes_sense_and_is_taken_whole(name: str) -> None:
    RECIPES[name].check()
    assert parsed("--recipe", name).learning() == RECIPES[name]


def test_what_stands_beside_a_recipe_is_heeded_even_where_it_is_the_usual() -> None:
    options = parsed("--recipe", "ink", "--augment", "affine", "--seed", "4", "--no-calibrate", "--name", "x")
    expected = {**asdict(RECIPES["ink"]), "augment": "affine", "seed": 4, "calibrate": False}
    assert asdict(options.learning()) == expected
    assert options.name == "x"


def test_without_a_recipe_training_stays_as_it_was() -> None:
    assert parsed().learning() == TrainingOptions()
    assert TrainingOptions().classes() == list("0123456789")


def test_an_unknown_recipe_is_told_the_known() -> None:
    with pytest.raises(UnknownName, match=r"^There is no recipe 'inc'; known: ink, lines\. Did you mean 'ink'\?$"):
        recipe_named("inc")
