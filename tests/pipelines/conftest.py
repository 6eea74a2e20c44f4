from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.conversion import parity
from pipelines.corpora.corpus import Split
from pipelines.models.folder import ModelFolder, open_model
from pipelines.models.store import ModelStore
from tests.digits import builtin
from tests.made_once import made_once
from tests.models import convert, publish, taught


@pytest.fixture(scope="session")
def digits() -> Split:
    split = builtin().test
    assert split is not None
    return split.prepared()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, digits: Split) -> ModelStore:
    """With small:1, which has every graph, and bare:1, which has none."""

    def make(folder: Path) -> None:
        store, reader = ModelStore(folder / "store"), taught(builtin().train.prepared())
        publish(store, reader, folder / "bare", "bare")
        with pytest.MonkeyPatch.context() as patch:
            # A tenth of a point is two of these images, and so barely taught a reader is unsure of more.
            patch.setattr(parity, "MOST_LOST", 0.02)
            outcome = convert(store, publish(store, reader, folder / "small"), digits, "fp16", "int8")
        assert outcome.refused == {}

    return ModelStore(made_once("small-and-bare", make, tmp_path_factory) / "store")


@pytest.fixture(scope="session")
def model(store: ModelStore) -> ModelFolder:
    return open_model("small", store)


@pytest.fixture(scope="session")
def bare(store: ModelStore) -> ModelFolder:
    return open_model("bare", store)
