"""A model version as it lies on the local disk, and what an engine wants of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import EngineError, StoreError, UnknownName, UsageError
from pipelines.model_store import LATEST, ModelStore
from pipelines.model_version import BUILTIN, MANIFEST, OWN_KEYS, Version, check_name, to_json

PRETRAINED = Path(__file__).parent / "pretrained"
GRAPHS = {"fp32": "model.onnx", "fp16": "model.fp16.onnx", "int8": "model.int8.onnx"}
EXPORTED = {"weights.pt", "card.md", *GRAPHS.values()}


@dataclass(frozen=True)
class ModelFolder:
    path: Path
    manifest: dict[str, Any]

    @property
    def reference(self) -> str:
        return f"{self.manifest['name']}:{self.manifest['version']}"

    @property
    def digest(self) -> str:
        """Of all its files: what tells it from another model of the same name and number."""
        return hashlib.sha256(json.dumps(self.manifest["files"], sort_keys=True).encode()).hexdigest()

    @property
    def classes(self) -> list[str]:
        return self.manifest["classes"]

    @property
    def precisions(self) -> list[str]:
        return [precision for precision, file in GRAPHS.items() if file in self.manifest["files"]]

    @property
    def accepted_above(self) -> float:
        """The confidence from which on a reading of this model needs no second look."""
        test = (self.manifest.get("metrics") or {}).get("test") or {}
        return float(test.get("accepted_above") or 0.0)

    def reads_well(self, engine: str, precision: str) -> bool:
        """Whether nothing that was measured when it was converted speaks against this engine in this precision."""
        rows = self.manifest.get("parity", [])
        return not any(row.get("refused") for row in rows if (row["engine"], row["computes"]) == (engine, precision))

    def graph(self, precision: str) -> bytes:
        if precision not in self.precisions:
            there = ", ".join(self.precisions) or "none"
            raise EngineError(
                f"{self.reference} has no {precision} graph (there is {there}); make it: "
                f"jobs/convert.py --model {self.reference} --precision {precision}"
            )
        return self.read(GRAPHS[precision])

    def changed_files(self) -> list[str]:
        """What is missing, or not as it was published."""
        return [file for file, entry in self.manifest["files"].items() if _sha256(self.path / file) != entry["sha256"]]

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
    """What a reader needs of a version whose files lie in `files`, as the first one of `name`, in a folder alone."""
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise UsageError(f"{folder} is there and holds no model version; name another folder.")
    check_name("model name", name)
    if card and not card.is_file():
        raise UsageError(f"There is no card {card}; check the path.")
    told = {key: value for key, value in version.manifest.items() if key not in OWN_KEYS}
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=f".{folder.name}-") as scratch:
        chosen = Path(scratch, "files")
        chosen.mkdir()
        for file in EXPORTED & version.files.keys():
            shutil.copy(files / file, chosen)
        if card:
            shutil.copy(card, chosen / "card.md")
        store = ModelStore(Path(scratch, "store"))
        first = store.publish(version.name, chosen, told)
        fresh = store.fetch(first)
        # Not the store's to give: it refuses the name of the model that comes with the code.
        (fresh / MANIFEST).write_bytes(to_json({**first.manifest, "name": name}))
        if folder.exists():
            folder.rename(Path(scratch, "before"))
        fresh.rename(folder)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def open_model(model: str | Path, store: ModelStore | None = None) -> ModelFolder:
    """By reference, NAME[:VERSION], in a store; or the folder of a version; or `builtin`, which comes with the code."""
    if isinstance(model, Path):
        return _from_folder(model)
    name, _, tag = model.partition(":")
    if name == BUILTIN:
        if tag not in ("", "1", LATEST):
            raise UnknownName(f"version of {BUILTIN}", tag, ["1"])
        return _from_folder(PRETRAINED)
    store = store or ModelStore.default()
    version = store.resolve(model)
    return ModelFolder(store.fetch(version), version.manifest)


def _from_folder(path: Path) -> ModelFolder:
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        return ModelFolder(path, {"classes": manifest["classes"], "files": manifest["files"], **manifest})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is not a model version: it has no whole {MANIFEST}.") from error
