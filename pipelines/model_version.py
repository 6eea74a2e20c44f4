"""What a model version is: its manifest, which manifests are valid, and what may be named and published."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.errors import StoreError, UsageError

FORMAT = 1
MANIFEST = "manifest.json"
BUILTIN = "builtin"
"""The name of the model that comes with the code."""
OWN_KEYS = frozenset({"format", "name", "version", "created", "files"})
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
NUMBER = re.compile(r"[1-9][0-9]*")


@dataclass(frozen=True)
class Version:
    name: str
    number: int
    manifest: dict[str, Any]

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.number}"

    @property
    def folder(self) -> str:
        return f"{self.name}/{self.number}"

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        return self.manifest["files"]


def first_manifest(name: str, number: int, told: dict[str, Any], files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return {"format": FORMAT, "name": name, "version": number, "created": created, **told, "files": files}


def to_json(manifest: dict[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse_manifest(content: bytes, name: str, number: int) -> dict[str, Any] | None:
    """None unless this is the whole manifest of just this version."""
    try:
        manifest = json.loads(content)
    except ValueError:
        return None
    if not isinstance(manifest, dict) or not manifest.keys() >= OWN_KEYS:
        return None
    if (manifest["format"], manifest["name"], manifest["version"]) != (FORMAT, name, number):
        return None
    return manifest if _are_entries(manifest["files"]) else None


def _are_entries(files: object) -> bool:
    return isinstance(files, dict) and all(
        _stays_inside(name) and isinstance(entry, dict) and entry.keys() >= {"sha256", "size"}
        for name, entry in files.items()
    )


def _stays_inside(name: str) -> bool:
    return not {"", ".", ".."} & set(name.split("/"))


def check_name(kind: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"The {kind} {name!r} will not do: use letters, digits, '-', '_' and '.', a letter or digit first."
        )


def check_new_name(name: str) -> None:
    check_name("model name", name)
    if name == BUILTIN:
        raise UsageError(f"The model name {BUILTIN!r} is that of the model that comes with inkray; take another.")


def check_told(manifest: dict[str, Any]) -> None:
    """Refuse, before anything is written, what a caller may not tell a manifest."""
    if clash := sorted(OWN_KEYS & manifest.keys()):
        raise UsageError(f"A manifest's {', '.join(clash)} may not be given: the model store sets them.")
    try:
        to_json(manifest)
    except (TypeError, ValueError) as error:
        raise StoreError(f"The manifest cannot be written as JSON: {error}.") from error


def files_to_publish(folder: Path) -> dict[str, Path]:
    """Every file below a local folder, by its name there."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder} to publish.")
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    if not found:
        raise UsageError(f"The folder {folder} holds no file to publish.")
    for file in found:
        if file == MANIFEST or file.startswith("."):
            raise UsageError(
                f"{folder / file} cannot be published: {MANIFEST} and names that begin with a dot are the store's own."
            )
    return found
