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
BUILTIN_LINES = "builtin-lines"
"""That of its reader of whole numbers."""
OWN_KEYS = frozenset({"format", "name", "version", "created", "files"})
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class NewerFormat(StoreError):
    """A manifest of a later inkray, which this one cannot read."""


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


def first_manifest(
    name: str, number: int, manifest_fields: dict[str, Any], files: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return {"format": FORMAT, "name": name, "version": number, "created": created, **manifest_fields, "files": files}


def to_json(manifest: dict[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse_manifest(content: bytes, whose: str) -> dict[str, Any] | None:
    """The manifest; None unless it is complete."""
    try:
        manifest = json.loads(content)
    except ValueError:
        return None
    if not isinstance(manifest, dict) or "format" not in manifest:
        return None
    if isinstance(manifest["format"], int) and manifest["format"] > FORMAT:
        raise NewerFormat(f"{whose} was written by a newer inkray; update inkray.")
    return manifest if _is_whole(manifest) else None


def _is_whole(manifest: dict[str, Any]) -> bool:
    return (
        manifest.keys() >= OWN_KEYS
        and manifest["format"] == FORMAT
        and isinstance(manifest["name"], str)
        and isinstance(manifest["version"], int)
        and isinstance(manifest["created"], str)
        and isinstance(manifest["files"], dict)
        and all(_stays_inside(name) and _is_entry(entry) for name, entry in manifest["files"].items())
    )


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and isinstance(entry.get("size"), int)


def _stays_inside(name: str) -> bool:
    return not {"", ".", ".."} & set(name.split("/"))


def check_name(kind: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"The {kind} {name!r} will not do: use letters, digits, '-', '_' and '.', a letter or digit first."
        )


def check_new_name(name: str) -> None:
    check_name("model name", name)
    if name in (BUILTIN, BUILTIN_LINES):
        raise UsageError(f"The model name {name!r} is that of a model that comes with inkray; take another.")


def check_manifest_fields(manifest: dict[str, Any]) -> None:
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
