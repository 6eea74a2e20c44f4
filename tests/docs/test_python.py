"""Every block of Python runs, in a folder with the files that it names and before a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.docs.conftest import WRITTEN
from tests.docs.papers import Block, blocks

# The others are those of `test_ray_examples.py`.
BLOCKS = [block for block in blocks("python") if "import ray" not in block.text]


def at(block: Block) -> str:
    return str(block.place)


@pytest.mark.parametrize("block", BLOCKS, ids=at)
def test_a_block_runs(block: Block, workplace: Path, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not any(name in block.text for name in ("try:", "except")), "an example that hides its error proves nothing"
    exec(compiled(block, block.text.replace(WRITTEN, server)), {})
    assert capsys.readouterr().out.strip(), f"{block.place} shows nothing"


def compiled(block: Block, text: str) -> Any:
    """The block's code, whose lines are numbered as in its paper."""
    return compile("\n" * (block.place.line - 1) + text, str(block.place.paper), "exec")
