"""A version gains graphs and plans that read the same, and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from pipelines.conversion import convert as conversion
from pipelines.corpora import Corpus
from pipelines.corpora.corpus import Split
from pipelines.engines.plans import read_records
from pipelines.errors import UsageError
from pipelines.model_folder import ModelFolder, open_model
from pipelines.model_store import ModelStore
from pipelines.networks import Reader
from pipelines.training.checkpoint import load_reader
from tests.digits import drawn
from tests.models import convert, publish
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
    assert {row["graph"] for row in version.manifest["parity"]} == {"fp32"}


def spoilt(graph: bytes) -> bytes:
    """With the last layer's bias in disorder, as a conversion that went wrong might leave it."""
    model = onnx.load_from_string(graph)
    bias = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [10])
    values = onnx.numpy_helper.to_array(bias) + np.linspace(-9, 9, 10, dtype=np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    return model.SerializeToString()


def test_plans_are_published_with_their_records(own: ModelStore, digits: Split) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    engines = ("onnxruntime", "tensorrt_rtx")
    outcome = convert(own, own.resolve("small"), digits, "fp16", engines=engines)
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
    assert refusal(UsageError, lambda: conversion.judges(few)) == (
        "folder:few has 10 images to compare engines on; at least 2,000 are needed: name another corpus with --on."
    )
