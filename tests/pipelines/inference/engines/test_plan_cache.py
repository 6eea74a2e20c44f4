"""Plans built for real by TensorRT for RTX, which needs no GPU: which fit, which are refused, and why."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.errors import EngineError
from pipelines.inference.engines.plan_cache import (
    PlanKey,
    PlanRecord,
    cache_folder,
    find_plan,
    load_plan,
    misfit,
    read_records,
    record_of,
    write_plan,
)
from pipelines.inference.engines.plan_lookup import fitting
from pipelines.inference.engines.tensorrt_build import build_plan, plan_key
from pipelines.models.folder import ModelFolder
from tests.stores import refusal

trt = pytest.importorskip("tensorrt_rtx")


@pytest.fixture(scope="module")
def key(model: ModelFolder) -> PlanKey:
    return plan_key(model.graph("fp32"), "fp32", "tensorrt_rtx", (89,))


@pytest.fixture(scope="module")
def built(model: ModelFolder, key: PlanKey) -> tuple[bytes, PlanRecord]:
    made = build_plan(model.graph("fp32"), "tensorrt_rtx", (89,))
    return made.plan, record_of(made.plan, key, made.layer_types)


@pytest.fixture
def folder(built: tuple[bytes, PlanRecord], tmp_path: Path) -> Path:
    write_plan(tmp_path / "plans", *built)
    return tmp_path / "plans"


def test_a_plan_that_fits_is_found_whole(folder: Path, built: tuple[bytes, PlanRecord], key: PlanKey) -> None:
    assert read_records(folder) == [built[1]]
    assert find_plan([folder], key).plan == built[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flavour": "tensorrt"}, "it is for tensorrt_rtx, not tensorrt"),
        ({"version": "9.9"}, f"it was built by tensorrt_rtx {trt.__version__}, and this is 9.9"),
        ({"capabilities": (120,)}, "it was built for compute capability 8.9, and this GPU has 12.0"),
        ({"device": "NVIDIA L4"}, "it was built on a GPU that it does not name, and this is NVIDIA L4"),
        ({"machine": "aarch64"}, f"it was built on {platform.machine()}, and this is aarch64"),
        ({"precision": "fp16"}, "it computes in fp32, not fp16"),
        ({"onnx_sha256": "0" * 64}, "it was built from another graph"),
    ],
)
def test_a_plan_for_something_else_is_refused_in_words(
    change: dict[str, object], words: str, folder: Path, built: tuple[bytes, PlanRecord], key: PlanKey
) -> None:
    wanted = replace(key, **change)  # type: ignore[arg-type]
    assert misfit(built[1], wanted) == words
    search = find_plan([folder], wanted)
    assert (search.plan, search.refused) == (None, [f"{key.name}: {words}"])


def test_a_plan_for_another_card_of_the_same_capability_is_refused(
    built: tuple[bytes, PlanRecord], key: PlanKey
) -> None:
    there = replace(built[1], key=replace(key, device="NVIDIA H100 PCIe"))
    said = misfit(there, replace(key, device="NVIDIA H200"))
    assert said == "it was built on NVIDIA H100 PCIe, and this is NVIDIA H200"


def test_a_plan_for_other_batches_is_refused(built: tuple[bytes, PlanRecord], key: PlanKey) -> None:
    narrow = replace(built[1], profile=(1, 64, 1024))
    assert misfit(narrow, key) == "it was built for batches of 1, 64, 1024, not 1, 4096, 4096"


def test_a_plan_for_several_gpus_serves_each_of_them(built: tuple[bytes, PlanRecord], key: PlanKey) -> None:
    wide = replace(built[1], key=replace(key, capabilities=(80, 86, 89, 120)))
    assert [misfit(wide, replace(key, capabilities=(gpu,))) for gpu in (80, 86, 89, 120)] == [None] * 4


def test_a_cut_plan_is_refused(folder: Path, built: tuple[bytes, PlanRecord], key: PlanKey) -> None:
    path = folder / f"{key.name}.plan"
    path.write_bytes(built[0][: len(built[0]) // 2])
    assert refusal(EngineError, lambda: load_plan(folder, built[1])) == (
        f"The plan {path} is cut: it has {len(built[0]) // 2:,} of {len(built[0]):,} bytes."
    )


def test_a_plan_with_a_changed_bit_is_refused(folder: Path, built: tuple[bytes, PlanRecord], key: PlanKey) -> None:
    path = folder / f"{key.name}.plan"
    changed = bytearray(built[0])
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    assert refusal(EngineError, lambda: load_plan(folder, built[1])) == (
        f"The plan {path} is damaged: its bytes are not those that were written."
    )
    assert find_plan([folder], key).plan is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 3}', '{"key": {"flavour": "x"}}'])
def test_a_plan_without_a_whole_record_does_not_exist(content: str, folder: Path, key: PlanKey) -> None:
    (folder / f"{key.name}.json").write_text(content)
    assert read_records(folder) == []


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INKRAY_CACHE", str(tmp_path / "cache"))
    return cache_folder()


def test_what_is_built_here_is_kept_and_found_again(model: ModelFolder, key: PlanKey, cache: Path) -> None:
    plan = next(fitting(model, model.graph("fp32"), key))
    written = (cache / f"{key.name}.plan").stat()
    assert next(fitting(model, model.graph("fp32"), key)) == plan
    assert (cache / f"{key.name}.plan").stat().st_mtime_ns == written.st_mtime_ns


def test_where_no_plan_can_be_kept(model: ModelFolder, key: PlanKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKRAY_CACHE", "/proc/inkray")
    assert refusal(EngineError, lambda: next(fitting(model, model.graph("fp32"), key))) == (
        f"No plan can be kept in /proc/inkray/plans: {os.strerror(errno.ENOENT)}. "
        "Make room there, or name another place by INKRAY_CACHE."
    )


def test_a_plan_that_does_not_fit_on_the_disk_leaves_nothing(
    built: tuple[bytes, PlanRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{built[1].key.name}.plan").mkdir()  # so that nothing can take its place
    with pytest.raises(OSError):
        write_plan(tmp_path, *built)
    assert len(list(tmp_path.iterdir())) == 1


def test_what_was_tried_is_not_found_again(
    model: ModelFolder, key: PlanKey, built: tuple[bytes, PlanRecord], cache: Path, tmp_path: Path
) -> None:
    """As where the driver refuses a plan though all that is told of it fits."""
    write_plan(tmp_path / "version" / "plans", *built)
    plans = fitting(ModelFolder(tmp_path / "version", model.manifest), model.graph("fp32"), key)
    assert next(plans) == built[0]
    assert not cache.exists()
    assert next(plans) == (cache / f"{key.name}.plan").read_bytes()
    assert list(plans) == []


def test_a_damaged_plan_is_built_again(model: ModelFolder, key: PlanKey, cache: Path) -> None:
    plan = next(fitting(model, model.graph("fp32"), key))
    (cache / f"{key.name}.plan").write_bytes(plan[:1000])
    again = next(fitting(model, model.graph("fp32"), key))
    assert len(again) > 1000
    assert find_plan([cache], key).plan == again


def test_the_published_plan_is_taken_where_it_fits(
    model: ModelFolder, key: PlanKey, built: tuple[bytes, PlanRecord], cache: Path, tmp_path: Path
) -> None:
    write_plan(tmp_path / "version" / "plans", *built)
    version = ModelFolder(tmp_path / "version", model.manifest)
    assert next(fitting(version, model.graph("fp32"), key)) == built[0]
    assert not cache.exists()


def test_where_none_fits_and_none_can_be_built_both_reasons_are_told(
    model: ModelFolder, key: PlanKey, built: tuple[bytes, PlanRecord], cache: Path, tmp_path: Path
) -> None:
    write_plan(tmp_path / "version" / "plans", *built)
    version = ModelFolder(tmp_path / "version", model.manifest)
    wanted = replace(key, onnx_sha256="0" * 64)
    said = refusal(EngineError, lambda: next(fitting(version, b"no graph", wanted)))
    assert said.startswith("TensorRT cannot parse the graph: ")
    assert said.endswith(f" Not usable here: {key.name}: it was built from another graph.")
    assert not list(cache.glob("*.plan"))


BUILD = """
import json, sys
from pathlib import Path
from pipelines.inference.engines import plan_lookup
from pipelines.inference.engines.plan_cache import PlanKey
from pipelines.models.folder import ModelFolder

told = json.loads(sys.argv[1])
real = plan_lookup.build_plan
plan_lookup.build_plan = lambda *given: (print("building"), real(*given))[1]
key = PlanKey(**{**told["key"], "capabilities": tuple(told["key"]["capabilities"])})
model = ModelFolder(Path(told["folder"]), {})
print(len(next(plan_lookup.fitting(model, Path(told["graph"]).read_bytes(), key))))
"""


def test_of_many_processes_that_want_a_plan_one_builds_it(
    model: ModelFolder, key: PlanKey, cache: Path, tmp_path: Path, repo: Path
) -> None:
    told = json.dumps({"key": key.__dict__, "folder": str(tmp_path), "graph": str(model.path / "model.onnx")})
    command = [sys.executable, "-c", BUILD, told]
    started = [subprocess.Popen(command, cwd=repo, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=120)[0].split() for process in started]
    assert sorted(len(words) for words in said) == [1, 1, 1, 2]
    assert len({words[-1] for words in said}) == 1
