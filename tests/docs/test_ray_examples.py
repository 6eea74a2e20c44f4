"""Every block of Python that uses Ray runs on a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.clusters import RayCluster
from tests.docs.papers import Block, blocks

BLOCKS = [block for block in blocks("python") if "import ray" in block.text]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.place))
def test_a_block_runs_on_a_cluster(block: Block, workplace: Path, ray_cluster: RayCluster) -> None:
    """In a process of its own, since Ray is not started in this one."""
    env = {**ray_cluster.env, "RAY_ADDRESS": ray_cluster.address}
    done = subprocess.run([sys.executable, "-c", block.text], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{block.place}\n{done.stderr[-2000:]}"
    assert list((workplace / "labels").glob("*.parquet"))
