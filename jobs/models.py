#!/usr/bin/env python
"""Inspect a model store: list its versions, show one, verify its files, or set an alias."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table
from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, configure

from jobs._cli import run
from jobs._console import open_console
from pipelines.errors import StoreError
from pipelines.models.folder import export
from pipelines.models.store import ModelStore, store_location
from pipelines.models.version import Version


@dataclass(kw_only=True)
class Command:
    store: Annotated[str | None, arg(metavar="PLACE")] = None
    """The store's folder or URI (s3://, gs://, file://); by default INKRAY_STORE, else ~/inkray/store."""

    def open_store(self) -> ModelStore:
        return ModelStore(store_location(self.store))


@dataclass
class List(Command):
    """List every version of every model.

    inkray models list --store s3://models/inkray
    """


@dataclass
class Show(Command):
    """Print the manifest of a version as JSON.

    inkray models show ink:production
    """

    model: Annotated[Positional[str], arg(metavar="NAME[:VERSION]")]
    """The model to use: its highest version, or the one with this number or alias."""


@dataclass
class Verify(Command):
    """Compare every byte of a version with its manifest; exit with 1 if a file was changed, removed or added.

    inkray models verify ink:3
    """

    model: Annotated[Positional[str], arg(metavar="NAME[:VERSION]")]
    """The model to use: its highest version, or the one with this number or alias."""


@dataclass
class Alias(Command):
    """Point NAME:ALIAS to a version.

    inkray models alias ink:3 production
    """

    model: Annotated[Positional[str], arg(metavar="NAME[:VERSION]")]
    """The model to use: its highest version, or the one with this number or alias."""
    alias: Annotated[Positional[str], arg(metavar="ALIAS")]
    """The alias, a word such as production; it moves here if it pointed to another version."""


@dataclass
class Export(Command):
    """Copy a version into a folder that a Recognizer opens without a store; the built-in model is made this way.

    inkray models export ink:3 pipelines/pretrained --name builtin --card CARD.md
    """

    model: Annotated[Positional[str], arg(metavar="NAME[:VERSION]")]
    """The model to use: its highest version, or the one with this number or alias."""
    folder: Annotated[Positional[Path], arg(metavar="FOLDER")]
    """The folder to write; a version that is already in it is replaced."""
    name: str | None = None
    """The name of the model in the folder; by default its name in the store."""
    card: Path | None = None
    """The model card to put in the folder instead of the version's own."""


@configure(OmitSubcommandPrefixes, OmitArgPrefixes)
@dataclass
class Models:
    """Inspect a model store: list its versions, show one, verify its files, or set an alias."""

    command: List | Show | Verify | Alias | Export


def main(options: Models) -> None:
    store = options.command.open_store()
    match options.command:
        case List():
            list_versions(store)
        case Show(model):
            open_console().print_json(data=store.resolve(model).manifest)
        case Verify(model):
            verify(store, store.resolve(model))
        case Alias(model, alias):
            version = store.resolve(model)
            store.set_alias(version.name, alias, version.number)
            print(f"{version.name}:{alias} is now {version.reference}")
        case Export(model, folder, name, card):
            version = store.resolve(model)
            export(version, store.fetch(version), folder, name or version.name, card)
            print(f"{version.reference} is in {folder}")


def list_versions(store: ModelStore) -> None:
    names = store.names()
    if not names:
        print(f"The model store {store} holds no model.")
        return
    table = Table("model", "aliases", "created", "files", "size", title=escape(f"The model store {store}"))
    for name in names:
        aliases = store.aliases(name)
        for version in store.versions(name):
            table.add_row(*describe(version, [alias for alias, number in aliases.items() if number == version.number]))
    open_console().print(table)


def describe(version: Version, aliases: list[str]) -> list[str]:
    size = sum(entry["size"] for entry in version.files.values())
    created = version.manifest["created"]
    return [version.reference, ", ".join(aliases), created, str(len(version.files)), decimal(size)]


def verify(store: ModelStore, version: Version) -> None:
    if wrong := store.verify(version):
        raise StoreError(f"{version.reference} in the store {store} is not as it was published: {', '.join(wrong)}.")
    print(f"{version.reference}: {len(version.files)} files, every byte as published")


def command() -> None:
    run(Models, main)


if __name__ == "__main__":
    command()
