"""Blocks of YAML and JSON are what they claim to be, and no block is in a language that nothing checks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pipelines.forms.templates.loading import load_template
from serve_app.http.schema import DigitsResponse
from tests.docs.papers import Block, blocks, languages

CHECKED = {"sh", "", "python", "js", "yaml", "json"}
SHOWN = {"text", "mermaid"}
"""What a program prints, a tree of folders, a diagram."""


def test_every_block_is_in_a_language_that_is_checked() -> None:
    unchecked = {name: str(place) for name, place in languages().items() if name not in CHECKED | SHOWN}
    assert not unchecked


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: str(block.place))
def test_a_template_is_loaded(block: Block, tmp_path: Path) -> None:
    assert "fields" in yaml.safe_load(block.text), f"{block.place} is no template; add how to check it"
    file = tmp_path / "template.yaml"
    file.write_text(block.text)
    load_template(file)


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: str(block.place))
def test_an_answer_has_the_shape_that_the_server_gives_it(block: Block) -> None:
    answer = json.loads(block.text)
    read = DigitsResponse.model_validate(answer)
    assert read.model_dump(exclude_unset=True) == answer
