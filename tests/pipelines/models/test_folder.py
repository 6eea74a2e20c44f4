from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.errors import EngineError, StoreError, UnknownName
from pipelines.models.folder import ModelFolder, open_model
from pipelines.models.store import ModelStore
from tests.stores import refusal, write


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path / "store")
    store.publish("ink", write(tmp_path / "files", {"model.onnx": "the graph"}), {"classes": ["0", "1"]})
    return store


def test_a_model_is_opened_by_reference_or_by_its_folder(store: ModelStore) -> None:
    by_name = open_model("ink:1", store)
    assert open_model(by_name.path) == by_name
    assert (by_name.reference, by_name.classes, by_name.precisions) == ("ink:1", ["0", "1"], ["fp32"])
    assert by_name.graph("fp32") == b"the graph"


def test_a_precision_it_was_not_converted_to_says_how_to_make_it(store: ModelStore) -> None:
    model = open_model("ink", store)
    assert refusal(EngineError, lambda: model.graph("int8")) == (
        "ink:1 has no int8 graph (there is fp32); convert the model to int8 first."
    )


def test_where_it_cannot_be_made_so_there_is_other_advice(store: ModelStore) -> None:
    alone = open_model(open_model("ink", store).path)
    assert refusal(EngineError, lambda: alone.graph("int8")) == (
        "ink:1 has no int8 graph (there is fp32); convert the model in its store, and export it from there again."
    )
    assert refusal(EngineError, lambda: open_model("builtin").graph("fp16")) == (
        "builtin:1 has no fp16 graph (there is fp32); it comes with inkray as it is: "
        "ask for another precision, or train and convert a model of your own."
    )


@pytest.mark.parametrize(
    "spoilt",
    [
        {"name": None},
        {"version": "1"},
        {"files": ["model.onnx"]},
        {"files": {"model.onnx": {"size": 9}}},
        {"files": {"model.onnx": {"size": 9, "sha256": None}}},
        {"files": {"../model.onnx": {"size": 9, "sha256": "0"}}},
        {"classes": "01"},
        {"classes": []},
        {"classes": None},
    ],
)
def test_a_manifest_that_is_not_whole_is_none(store: ModelStore, spoilt: dict[str, object]) -> None:
    model = open_model("ink", store)
    told = {key: value for key, value in {**model.manifest, **spoilt}.items() if value is not None}
    (model.path / "manifest.json").write_text(json.dumps(told))
    assert refusal(StoreError, lambda: open_model(model.path)) == (
        f"{model.path} is not a model version: it has no whole manifest.json."
    )


def test_what_a_newer_inkray_wrote_is_not_opened(store: ModelStore) -> None:
    model = open_model("ink", store)
    (model.path / "manifest.json").write_text(json.dumps({**model.manifest, "format": 2}))
    with pytest.raises(StoreError) as caught:
        open_model(model.path)
    assert str(caught.value) == f"{model.path} was written by a newer inkray; update inkray."


def test_a_version_without_classes_cannot_be_read_with(store: ModelStore, tmp_path: Path) -> None:
    store.publish("ink", tmp_path / "files", {})
    assert refusal(StoreError, lambda: open_model("ink", store)) == (
        f"ink:2 in the store {store} cannot be read with: its manifest tells no classes. Publish it again with them."
    )


def test_a_folder_without_a_manifest_is_no_model(tmp_path: Path) -> None:
    assert refusal(StoreError, lambda: open_model(tmp_path)) == (
        f"{tmp_path} is not a model version: it has no whole manifest.json."
    )


def test_a_file_that_went_away(store: ModelStore) -> None:
    model = open_model("ink", store)
    (model.path / "model.onnx").unlink()
    assert refusal(StoreError, lambda: model.graph("fp32")) == (
        f"{model.path}/model.onnx of ink:1 cannot be read: No such file or directory."
    )


def test_what_read_badly_when_it_was_measured_is_known(tmp_path: Path) -> None:
    rows = [
        {"engine": "openvino", "computes": "bf16", "refused": "openvino in bf16 loses 2.00 points of accuracy"},
        {"engine": "openvino", "computes": "fp32", "refused": None},
    ]
    model = ModelFolder(tmp_path, {"parity": rows})
    assert [model.reads_well("openvino", kind) for kind in ("bf16", "fp32", "int8")] == [False, True, True]
    assert [model.reads_well(None, kind) for kind in ("bf16", "fp32")] == [False, True]


def test_changed_and_missing_files_are_told(store: ModelStore) -> None:
    model = open_model("ink", store)
    assert model.changed_files() == []
    (model.path / "model.onnx").write_text("the grapf")
    assert model.changed_files() == ["model.onnx"]
    (model.path / "model.onnx").unlink()
    assert model.changed_files() == ["model.onnx"]


def test_builtin_is_the_model_that_comes_with_the_code(store: ModelStore) -> None:
    assert [open_model(name, store).reference for name in ("builtin", "builtin:1")] == ["builtin:1", "builtin:1"]
    assert open_model("builtin", store).classes[-1] == "none"


def test_the_builtin_model_has_one_version() -> None:
    assert open_model("builtin").reference == open_model("builtin:1").reference == "builtin:1"
    with pytest.raises(UnknownName, match="version of builtin '7'"):
        open_model("builtin:7")
