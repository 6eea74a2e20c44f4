"""What every test can ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.clusters import ray_cluster as ray_cluster
from tests.s3 import bucket as bucket
from tests.s3 import s3_server as s3_server

pytest_plugins = ("tests.parallel", "tests.slow")

REPO = Path(__file__).resolve().parent.parent

# What whoever runs the tests has set for his own work is not what they are about, nor is the size of his terminal.
for name in [name for name in os.environ if name.startswith("INKRAY_") and name != "INKRAY_DATA"]:
    del os.environ[name]
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


@pytest.fixture(scope="session")
def measuring_data() -> Path:
    """The folder of real data sets that the project is measured on but does not contain."""
    folder = Path(os.environ.get("INKRAY_DATA") or REPO.parent / "shared" / "data").resolve()
    if not (folder / "mnist").is_dir():
        pytest.skip(f"no data for measuring: {folder} has no mnist folder (set INKRAY_DATA)")
    return folder
