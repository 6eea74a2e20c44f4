"""A model version as it lies on the local disk, and what an engine wants of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import EngineError, StoreError, UnknownName, UsageError
from pipelines.files import paths
from pipelines.files.atomic import atomic_folder
from pipelines.models.cache import changed_files
from pipelines.models.location import StoreLocation
from pipelines.models.store import LATEST, ModelStore, store_location
from pipelines.models.version import (
    BUILTIN,
    BUILTIN_LINES,
    MANIFEST,
    OWN_KEYS,
    Version,
    check_name,
    first_manifest,
    parse_manifest,
    to_json,
)

PRETRAINED = Path(__file__).parent.parent / "pretrained"
SHIPPED = {BUILTIN: PRETRAINED, BUILTIN_LINES: PRETRAINED / "lines"}
GRAPHS = {"fp32": "model.onnx", "fp16": "model.fp16.onnx", "int8": "model.int8.onnx"}
CARD = "card.md"
EXPORTED = {"weights.pt", CARD, *GRAPHS.values()}


@dataclass(frozen=True)
class ModelFolder:
    path: Path
    manifest: dict[str, Any]
    standalone: bool = field(default=False, compare=False)
    """Opened by its folder, and not in a store."""

    @property
    def reference(self) -> str:
        return f"{self.manifest['name']}:{self.manifest['version']}"

    @property
    def digest(self) -> str:
        """A digest of all its files, which tells it from another model of the same name and number."""
        return hashlib.sha256(json.dumps(self.manifest["files"], sort_keys=True).encode()).hexdigest()

    @property
    def classes(self) -> list[str]:
        return self.manifest["classes"]

    @property
    def reads_lines(self) -> bool:
        """Whole numbers, in lines of any length; and not single digits."""
        return (self.manifest.get("input") or {}).get("shape", [])[-1:] == ["W"]

    @property
    def precisions(self) -> list[str]:
        return [precision for precision, file in GRAPHS.items() if file in self.manifest["files"]]

    @property
    def accepted_above(self) -> float:
        """The confidence from which on a reading of this model needs no second look."""
        test = (self.manifest.get("metrics") or {}).get("test") or {}
        return float(test.get("accepted_above") or 0.0)

    def reads_well(self, engine: str | None, precision: str) -> bool:
        """Whether nothing that was measured when it was converted speaks against this precision in this engine, or,
        for one that no conversion measures, in any."""
        rows = [row for row in self.manifest.get("parity", []) if row["computes"] == precision]
        return not any(row.get("refused") for row in rows if engine in (None, row["engine"]))

    def graph(self, precision: str) -> bytes:
        if precision not in self.precisions:
            there = ", ".join(self.precisions) or "none"
            raise EngineError(
                f"{self.reference} has no {precision} graph (there is {there}); {self._remedy(precision)}"
            )
        return self.read(GRAPHS[precision])

    def _remedy(self, precision: str) -> str:
        if self.manifest["name"] in SHIPPED:
            return "it comes with inkray as it is: ask for another precision, or train and convert a model of your own."
        if self.standalone:
            return "convert the model in its store, and export it from there again."
        return f"convert the model to {precision} first."

    def changed_files(self) -> list[str]:
        """The files that are missing, or not as they were published."""
        return changed_files(self.manifest["files"], StoreLocation(self.path), "")

    def read(self, file: str) -> bytes:
        """A file's bytes, if they are as published: a graph with a flipped bit loads, and reads a little worse."""
        path = self.path / file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path} of {self.reference} cannot be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != self.manifest["files"][file]["sha256"]:
            raise StoreError(f"{path} is not as {self.reference} was published; restore it, or publish it again.")
        return content


def export(version: Version, files: Path, folder: Path, name: str, card: Path | None = None) -> None:
    """Write what a reader needs of a version, whose files lie in `files`, as the first version of `name`."""
    folder = paths.expanded(folder)
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise UsageError(f"{folder} is there and holds no model version; name another folder.")
    check_name("model name", name)
    if card and not card.is_file():
        raise UsageError(f"There is no card {card}; check the path.")
    if changed := changed_files(version.files, StoreLocation(files), ""):
        raise StoreError(
            f"{version.reference} is not as it was published ({', '.join(changed)} changed); "
            "restore it, or publish it again."
        )
    entries = {file: entry for file, entry in version.files.items() if file in EXPORTED}
    manifest_fields = {key: value for key, value in version.manifest.items() if key not in OWN_KEYS}
    with atomic_folder(folder) as fresh:
        for file in entries:
            shutil.copy(files / file, fresh)
        if card:
            shutil.copy(card, fresh / CARD)
            content = (fresh / CARD).read_bytes()
            entries[CARD] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        (fresh / MANIFEST).write_bytes(to_json(first_manifest(name, 1, manifest_fields, entries)))


def open_model(model: str | Path, store: ModelStore | None = None) -> ModelFolder:
    """Open a model by its reference NAME[:VERSION] in a store, by its folder, or by the name of a built-in one."""
    if isinstance(model, Path):
        return _from_folder(model)
    name, _, tag = model.partition(":")
    if name in SHIPPED:
        if tag not in ("", "1", LATEST):
            raise UnknownName(f"version of {name}", tag, ["1"])
        return _from_folder(SHIPPED[name])
    store = store or ModelStore(store_location(None))
    version = store.resolve(model)
    if not _tells_classes(version.manifest):
        raise StoreError(
            f"{version.reference} in the store {store} cannot be read with: its manifest tells no classes. "
            "Publish it again with them."
        )
    return ModelFolder(store.fetch(version), version.manifest)


def _from_folder(path: Path) -> ModelFolder:
    try:
        manifest = parse_manifest((path / MANIFEST).read_bytes(), str(path))
    except OSError:
        manifest = None
    if manifest is None or not _tells_classes(manifest):
        raise StoreError(f"{path} is not a model version: it has no whole {MANIFEST}.")
    return ModelFolder(path, manifest, standalone=True)


def _tells_classes(manifest: dict[str, Any]) -> bool:
    classes = manifest.get("classes")
    return isinstance(classes, list) and bool(classes) and all(isinstance(name, str) for name in classes)
