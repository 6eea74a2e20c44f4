"""Plans for the GPU at hand: built once, found again, and built anew when they are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import EngineError
from pipelines.inference.engines import open_engine, plan_lookup
from pipelines.inference.engines.plan_cache import cache_folder
from pipelines.models.folder import ModelFolder
from tests.gpu.conftest import FLAVOUR, NO_TENSORRT

pytestmark = NO_TENSORRT
ONE = np.zeros((1, 28, 28), np.uint8)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INKRAY_CACHE", str(tmp_path))
    return cache_folder()


def read(model: ModelFolder) -> None:
    assert FLAVOUR
    with open_engine(FLAVOUR, model, "fp32") as engine:
        assert engine.run(ONE).shape == (1, len(model.classes))


def no_build(*_: object) -> None:
    raise EngineError("nothing is to be built")


def test_a_plan_is_built_once(model: ModelFolder, empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(model)
    assert len(list(empty_cache.glob("*.plan"))) == 1
    monkeypatch.setattr(plan_lookup, "build_plan", no_build)
    read(model)


def test_a_damaged_plan_is_built_anew(model: ModelFolder, empty_cache: Path) -> None:
    read(model)
    (plan,) = empty_cache.glob("*.plan")
    whole = plan.read_bytes()
    plan.write_bytes(whole[: len(whole) // 2])
    read(model)
    assert len(plan.read_bytes()) > len(whole) // 2


@pytest.mark.skipif(FLAVOUR != "tensorrt_rtx", reason="only TensorRT for RTX compiles while it reads")
def test_what_is_compiled_lies_beside_the_plan(model: ModelFolder, empty_cache: Path) -> None:
    read(model)
    (compiled,) = empty_cache.glob("*.compiled")
    kept = compiled.read_bytes()
    assert kept
    read(model)
    assert compiled.stat().st_size >= len(kept)
