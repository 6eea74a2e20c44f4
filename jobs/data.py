#!/usr/bin/env python
"""Fetch, convert, preview and measure training corpora, and generate synthetic forms to try the reader on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from rich.table import Table
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, configure

from jobs._cli import run
from jobs._console import open_console
from pipelines.corpora import Corpus, load_corpus
from pipelines.corpora.convert import SplitName, convert
from pipelines.corpora.mnist import fetch_mnist
from pipelines.corpora.preview import write_preview
from pipelines.corpora.statistics import Statistics, measure
from pipelines.errors import UnknownName, UsageError, check_range
from pipelines.files import paths
from pipelines.files.atomic import check_file, refuse_existing, write_json
from pipelines.forms.synthesis.dataset import FileKind, write_forms
from pipelines.forms.synthesis.scanning import Level


@dataclass
class Fetch:
    """Download a named corpus into the data folder (INKRAY_DATA, else ~/inkray/data).

    inkray data fetch mnist
    """

    name: Annotated[Positional[str], arg(metavar="NAME")]
    """The corpus to download: mnist. Files that are already there are not downloaded again."""


@dataclass
class Convert:
    """Write a corpus in another format, pixel for pixel and in the same order.

    inkray data convert mnist parquet:~/mnist.parquet

    inkray data convert folder:~/digits idx:images.gz,labels.gz --split train
    """

    source: Annotated[Positional[str], arg(metavar="SPEC")]
    """The corpus: mnist, builtin, idx:IMAGES,LABELS, folder:PATH or parquet:PATH."""
    target: Annotated[Positional[str], arg(metavar="OUT_SPEC")]
    """Where to write: idx:IMAGES,LABELS (gzipped if named .gz), folder:PATH (PNGs and a labels.csv) or parquet:PATH."""
    split: SplitName | None = None
    """Write only this split. IDX files hold a single split, so a corpus that has two needs this option for IDX."""
    overwrite: bool = False
    """Replace the target if it exists."""


@dataclass
class Preview:
    """Draw sample digits of every class, each above its label, into a PNG.

    inkray data preview mnist --out mnist.png --count 200
    """

    source: Annotated[Positional[str], arg(metavar="SPEC")]
    """The corpus: mnist, builtin, idx:IMAGES,LABELS, folder:PATH or parquet:PATH."""
    out: Path
    """The picture to write; its name must end in .png."""
    count: int = 100
    """How many digits of the training split to draw, divided evenly among the classes."""
    seed: int = 0
    """The random seed; a different one picks different digits."""
    overwrite: bool = False
    """Replace the picture if it exists."""


@dataclass
class Stats:
    """Count the classes and measure the pixels of a corpus.

    inkray data stats mnist --json mnist.json
    """

    source: Annotated[Positional[str], arg(metavar="SPEC")]
    """The corpus: mnist, builtin, idx:IMAGES,LABELS, folder:PATH or parquet:PATH."""
    json: Path | None = None
    """Also write the numbers to this file."""
    overwrite: bool = False
    """Replace the --json file if it exists."""


@dataclass
class Forms:
    """Generate filled-in, scanned forms with known answers: scans, templates, blank pages and truth.csv.

    inkray data forms ~/forms --count 24 --level usual
    """

    out: Annotated[Positional[Path], arg(metavar="OUT")]
    """The folder to write to; it must be empty or not exist yet."""
    count: int = 24
    """How many scans to generate; the form designs take turns."""
    level: Level = "usual"
    """How heavily the scans are degraded."""
    seed: int = 0
    """The random seed; a different one generates different forms."""
    format: FileKind = "png"
    """The file format of the scans."""


@configure(OmitSubcommandPrefixes, OmitArgPrefixes, FlagCreatePairsOff)
@dataclass
class Data:
    """Fetch, convert, preview and measure training corpora, and generate synthetic forms to try the reader on."""

    command: Fetch | Convert | Preview | Stats | Forms


def main(options: Data) -> None:
    match options.command:
        case Fetch() as command:
            fetch(command)
        case Convert() as command:
            written = convert(command.source, command.target, command.split, command.overwrite)
            print(f"{command.target}: {describe(written)}")
        case Preview() as command:
            preview(command)
        case Stats() as command:
            stats(command)
        case Forms() as command:
            forms(command)


def fetch(command: Fetch) -> None:
    if command.name != "mnist":
        raise UnknownName("corpus to fetch", command.name, ["mnist"])
    folder = paths.data() / "mnist"
    fetched = fetch_mnist(folder)
    corpus = load_corpus("mnist")
    print(f"{folder}: {describe(corpus)}, {len(fetched)} of 4 files downloaded, all as published")


def preview(command: Preview) -> None:
    if command.out.suffix != ".png":
        raise UsageError(f"The preview is a PNG; give --out a name that ends in .png, not {command.out}.")
    check_seed(command.seed)
    out = paths.expanded(command.out)
    refuse_existing(out, command.overwrite)
    write_preview(load_corpus(command.source), out, command.count, command.seed)
    print(out)


def check_seed(seed: int) -> None:
    check_range("seed", seed, at_least=0)


def stats(command: Stats) -> None:
    out = command.json and check_file(command.json)
    if out:
        refuse_existing(out, command.overwrite)
    corpus = load_corpus(command.source)
    measured = {"train": measure(corpus.train)}
    if corpus.test:
        measured["test"] = measure(corpus.test)
    open_console(markup=False).print(as_table(corpus.name, measured))
    if any(numbers.mean > 0.5 for numbers in measured.values()):
        print(
            "Most pixels are bright: this looks like dark ink on white, and readers are trained on bright ink on black."
        )
    splits = {part: asdict(numbers) for part, numbers in measured.items()}
    write_json(out, {"corpus": corpus.name, "splits": splits})


def forms(command: Forms) -> None:
    check_range("count", command.count, at_least=1)
    check_seed(command.seed)
    out = paths.expanded(command.out)
    if out.is_symlink() or out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UsageError(f"{out} exists already; choose another name.")
    write_forms(out, command.count, command.level, command.seed, command.format)
    print(f"{out}: {command.count:,} scans in scans/, their templates in templates/, the answers in truth.csv")


def as_table(name: str, measured: dict[str, Statistics]) -> Table:
    table = Table("", title=name)
    for part in measured:
        table.add_column(part, justify="right")
    for label in range(10):
        table.add_row(str(label), *(f"{numbers.per_class[label]:,}" for numbers in measured.values()))
    table.add_section()
    table.add_row("images", *(f"{numbers.count:,}" for numbers in measured.values()))
    table.add_row("ink", *(f"{numbers.ink:.2%}" for numbers in measured.values()))
    table.add_row("mean", *(f"{numbers.mean:.4f}" for numbers in measured.values()))
    table.add_row("sd", *(f"{numbers.sd:.4f}" for numbers in measured.values()))
    table.add_row("fingerprint", *(numbers.fingerprint[:12] for numbers in measured.values()))
    return table


def describe(corpus: Corpus) -> str:
    return f"{len(corpus.train):,} digits" + (f" and {len(corpus.test):,} test digits" if corpus.test else "")


def command() -> None:
    run(Data, main)


if __name__ == "__main__":
    command()
