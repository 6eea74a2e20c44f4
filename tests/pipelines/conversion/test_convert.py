"""A version gains graphs and plans that read the same, and no others."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from pipelines.conversion import convert as conversion
from pipelines.conversion import parity
from pipelines.conversion.plans import Reporter
from pipelines.corpora import Corpus
from pipelines.corpora.corpus import Split
from pipelines.errors import StoreError, UsageError
from pipelines.inference.engines.plan_cache import read_records
from pipelines.models.folder import ModelFolder, open_model
from pipelines.models.store import ModelStore
from pipelines.networks.architectures import Reader
from pipelines.networks.weights import load_reader
from tests.digits import drawn
from tests.models import EVERY_CPU_ENGINE, convert, publish
from tests.stores import refusal


@pytest.fixture
def own(bare: ModelFolder, tmp_path: Path) -> ModelStore:
    """A store with a version of its own, since conversions add to it."""
    store = ModelStore(tmp_path / "own")
    publish(store, reader_of(bare), tmp_path / "files")
    return store


def reader_of(model: ModelFolder) -> Reader:
    return load_reader(model.path)


def test_the_manifest_tells_what_was_added_and_how_it_reads(model: ModelFolder, digits: Split) -> None:
    manifest = model.manifest
    assert {"model.onnx", "model.fp16.onnx", "model.int8.onnx", "weights.pt"} <= set(manifest["files"])
    rows = {(row["engine"], row["graph"], row["computes"]): row for row in manifest["parity"]}
    assert {("onnxruntime", "fp32", "fp32"), ("openvino", "fp32", "fp32"), ("onnxruntime", "int8", "int8")} <= set(rows)
    assert all(row["images"] == len(digits) >= 2000 for row in rows.values())
    assert rows["onnxruntime", "fp32", "fp32"]["agreement"] == 1.0
    assert manifest["calibration"] == {"corpus": "drawn", "images": 300, "sha256": "of drawn digits"}
    assert set(manifest["converted_with"]) == {"torch", "onnx", "onnxscript", "onnxruntime", "openvino"}


def test_the_types_that_the_engines_really_use_are_found(model: ModelFolder) -> None:
    rows = {(row["engine"], row["graph"], row["computes"]): row["types"] for row in model.manifest["parity"]}
    assert rows["onnxruntime", "int8", "int8"]["uint8"] + rows["onnxruntime", "int8", "int8"].get("int8", 0) >= 4
    assert set(rows["onnxruntime", "fp32", "fp32"]) <= {"float", "int64"}
    assert rows["openvino", "fp32", "fp32"]["f32"] >= 8
    if ("openvino", "fp32", "bf16") in rows:
        assert rows["openvino", "fp32", "bf16"]["bf16"] >= 4


def test_converting_again_changes_no_file(own: ModelStore, digits: Split) -> None:
    first = convert(own, own.resolve("small"), digits).version
    second = convert(own, own.resolve("small"), digits).version
    assert second.files == first.files
    assert own.verify(second) == []
    later = convert(own, own.resolve("small"), digits, "fp16").version
    assert later.files.keys() - first.files.keys() == {"model.fp16.onnx"}


def test_a_graph_that_reads_otherwise_is_not_published(
    own: ModelStore, digits: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "to_fp16", spoilt)
    outcome = convert(own, own.resolve("small"), digits, "fp16")
    assert list(outcome.refused) == ["fp16"]
    assert outcome.refused["fp16"].startswith("onnxruntime in fp16 reads ")
    version = own.resolve("small")
    assert "model.onnx" in version.files and "model.fp16.onnx" not in version.files
    refused = {row["graph"]: bool(row["refused"]) for row in version.manifest["parity"]}
    assert refused == {"fp32": False, "fp16": True}


def test_where_the_first_graph_is_refused_nothing_is_published(
    own: ModelStore, digits: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = own.resolve("small")
    right = conversion.export
    monkeypatch.setattr(conversion, "export", lambda reader: spoilt(right(reader)))
    outcome = convert(own, before, digits, "fp16", engines=("onnxruntime",))
    assert list(outcome.refused) == ["fp32", "fp16"]
    assert outcome.refused["fp16"] == "the fp32 graph, of which it is made, is refused"
    assert {row.graph for row in outcome.parity} == {"fp32"}
    assert own.resolve("small") == before


def test_of_a_published_graph_that_is_refused_now_the_manifest_says_so(
    own: ModelStore, digits: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = convert(own, own.resolve("small"), digits, "fp16", engines=("onnxruntime",)).version
    monkeypatch.setattr(parity, "EXACT", ("fp16",))
    monkeypatch.setattr(parity, "LEAST_AGREEMENT", 1.1)
    outcome = convert(own, first, digits, "fp16", engines=("onnxruntime",))
    assert list(outcome.refused) == ["fp16"]
    assert outcome.version.files == first.files
    rows = {(row["engine"], row["graph"]): row["refused"] for row in own.resolve("small").manifest["parity"]}
    assert rows["onnxruntime", "fp32"] is None
    assert rows["onnxruntime", "fp16"] in outcome.refused["fp16"]


def test_two_conversions_of_one_version_keep_what_the_other_found(own: ModelStore, digits: Split) -> None:
    old = own.resolve("small")
    first = convert(own, old, digits, "fp16", engines=("onnxruntime",))
    version = convert(own, old, digits, engines=("onnxruntime",)).version
    assert {row["graph"] for row in version.manifest["parity"]} == {"fp32", "fp16"}
    assert first.version.files.keys() <= version.files.keys()


def test_two_conversions_may_build_the_same_plan(own: ModelStore, digits: Split) -> None:
    pytest.importorskip("tensorrt_rtx")
    old = own.resolve("small")
    first = convert(own, old, digits, engines=("tensorrt_rtx",)).version
    second = convert(own, old, digits, engines=("tensorrt_rtx",))
    assert (second.plans, second.version.files) == ([], first.files)
    assert len(second.version.manifest["plans"]) == 1


def test_changed_weights_are_no_truth(own: ModelStore, digits: Split) -> None:
    version = own.resolve("small")
    weights = own.fetch(version) / "weights.pt"
    changed = bytearray(weights.read_bytes())
    changed[len(changed) // 2] ^= 1
    weights.write_bytes(changed)
    assert refusal(StoreError, lambda: convert(own, version, digits)) == (
        f"{weights} is not as small:1 was published; restore it, or publish it again."
    )
    assert own.resolve("small") == version


def test_what_int8_needs_is_looked_for_first(own: ModelStore, digits: Split) -> None:
    def missing() -> conversion.CalibrationImages:
        raise UsageError("there is no such corpus")

    told: list[str] = []
    options = conversion.ConversionOptions(("int8",), EVERY_CPU_ENGINE, ())
    asked = conversion.Conversion(
        own, own.resolve("small"), options, digits, missing, Reporter(told.append, told.append)
    )
    assert refusal(UsageError, asked.run) == "there is no such corpus"
    assert told == []


def test_a_package_may_be_installed_by_another_name(
    own: ModelStore, digits: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == "onnxruntime":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    told = convert(own, own.resolve("small"), digits, engines=("onnxruntime",)).version.manifest["converted_with"]
    assert told["onnxruntime"] == onnxruntime.__version__


def spoilt(graph: bytes) -> bytes:
    """With the last layer's bias in disorder, as a conversion that went wrong might leave it."""
    model = onnx.load_from_string(graph)
    bias = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [10])
    values = onnx.numpy_helper.to_array(bias) + np.linspace(-9, 9, 10, dtype=np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    return model.SerializeToString()


def test_plans_are_published_with_their_records(own: ModelStore, digits: Split) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    engines = ("tensorrt_rtx",)
    outcome = convert(own, own.resolve("small"), digits, "fp16", engines=engines)
    # Without a GPU that runs the plans, ONNX Runtime judges their graphs.
    assert {("onnxruntime", "fp32"), ("onnxruntime", "fp16")} <= {(row.engine, row.graph) for row in outcome.parity}
    model = open_model("small", own)
    names = {record.key.name for record in read_records(model.path / "plans")}
    assert len(names) == 2
    assert {f"plans/{name}.{end}" for name in names for end in ("plan", "json")} <= set(model.manifest["files"])
    assert {plan["key"]["precision"] for plan in model.manifest["plans"]} == {"fp32", "fp16"}
    assert {plan["key"]["version"] for plan in model.manifest["plans"]} == {trt.__version__}
    assert own.verify(outcome.version) == []
    again = convert(own, outcome.version, digits, "fp16", engines=engines)
    assert (again.plans, again.version.files) == ([], outcome.version.files)


def test_too_few_images_to_judge_by() -> None:
    few = Corpus("folder:few", drawn(10), None)
    assert refusal(UsageError, lambda: conversion.parity_images(few)) == (
        "folder:few has 10 images to compare engines on; at least 2,000 are needed: name another corpus."
    )
