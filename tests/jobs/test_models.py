"""The command line of the model store, run as a person runs it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.models.store import ModelStore
from tests.in_process import Ended, RunJob
from tests.stores import network

Models = Callable[..., Ended]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    store = ModelStore(tmp_path / "store")
    for _ in range(2):
        store.publish("ink", network(tmp_path / "files"), {"metrics": {"test": 0.995}})
    return tmp_path / "store"


@pytest.fixture
def models(run_job: RunJob, monkeypatch: pytest.MonkeyPatch) -> Models:
    def run(*arguments: object, store: Path | str) -> Ended:
        monkeypatch.setenv("INKRAY_STORE", str(store))
        return run_job("models.py", *arguments)

    return run


def test_versions_are_aliased_listed_and_shown(models: Models, place: Path) -> None:
    aliased = models("alias", "ink:1", "production", store=place)
    assert (aliased.returncode, aliased.stdout) == (0, "ink:production is now ink:1\n")
    listed = models("list", store=place)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in listed.stdout.splitlines() if "ink:" in line]
    created = [version.manifest["created"] for version in ModelStore(place).versions("ink")]
    assert rows == [["ink:1", "production", created[0], "2", "17 bytes"], ["ink:2", "", created[1], "2", "17 bytes"]]
    shown = models("show", "ink:production", store=place)
    assert json.loads(shown.stdout) == ModelStore(place).resolve("ink:1").manifest


def test_verify_exits_1_and_names_what_changed(models: Models, place: Path) -> None:
    fine = models("verify", "ink:1", store=place)
    assert (fine.returncode, fine.stdout) == (0, "ink:1: 2 files, every byte as published\n")
    (place / "ink/1/model.onnx").write_text("the netwosk")
    changed = models("verify", "ink:1", store=place)
    assert (changed.returncode, changed.stdout) == (1, "")
    assert changed.stderr == f"error: ink:1 in the store {place} is not as it was published: model.onnx.\n"
    assert models("verify", "ink", store=place).returncode == 0


def test_a_version_is_exported_under_another_name_with_another_card(
    models: Models, place: Path, tmp_path: Path
) -> None:
    (tmp_path / "card.md").write_text("Its story.")
    alone = tmp_path / "alone"
    for _ in range(2):  # the second time in the place of the first
        done = models("export", "ink:2", alone, "--name", "builtin", "--card", tmp_path / "card.md", store=place)
        assert (done.returncode, done.stdout) == (0, f"ink:2 is in {alone}\n"), done.stderr
    manifest = json.loads((alone / "manifest.json").read_text())
    assert (manifest["name"], manifest["version"], manifest["metrics"]) == ("builtin", 1, {"test": 0.995})
    assert (alone / "card.md").read_text() == "Its story."
    assert (alone / "model.onnx").read_bytes() == (place / "ink/2/model.onnx").read_bytes()
    assert set(manifest["files"]) | {"manifest.json"} == {path.name for path in alone.iterdir()}
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_what_is_no_version_is_not_replaced(models: Models, place: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    refused = models("export", "ink", tmp_path / "mine", store=place)
    assert refused.returncode == 2 and "holds no model version" in refused.stderr


def test_damaged_bytes_are_not_exported(models: Models, place: Path, tmp_path: Path) -> None:
    content = bytearray((place / "ink/2/model.onnx").read_bytes())
    content[3] ^= 1
    (place / "ink/2/model.onnx").write_bytes(content)
    refused = models("export", "ink:2", tmp_path / "alone", store=place)
    assert (refused.returncode, refused.stderr) == (
        1,
        "error: ink:2 is not as it was published (model.onnx changed); restore it, or publish it again.\n",
    )
    assert not (tmp_path / "alone").exists()


def test_a_place_that_cannot_be_written_is_a_sentence(models: Models, place: Path) -> None:
    refused = models("export", "ink:2", "/proc/inkray/alone", store=place)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: Cannot write /proc/inkray/alone: ")


def test_an_empty_store_says_so(models: Models, tmp_path: Path) -> None:
    listed = models("list", "--store", tmp_path / "new", store="unused")
    assert (listed.returncode, listed.stdout) == (0, f"The model store {tmp_path / 'new'} holds no model.\n")


def test_a_mistyped_name_exits_2_with_one_sentence(models: Models, place: Path) -> None:
    missing = models("show", "inc", store=place)
    assert missing.returncode == 2
    assert missing.stderr == (
        f"error: There is no model in the store {place} called 'inc'; known: ink. Did you mean 'ink'?\n"
    )


def test_it_is_a_program_with_help_for_every_command(models: Models, repo: Path) -> None:
    assert os.access(repo / "jobs" / "models.py", os.X_OK)
    for command in ("list", "show", "verify", "alias", "export"):
        shown = models(command, "--help", store="unused")
        assert shown.returncode == 0
        assert f"inkray models {command}" in shown.stdout
