"""The options of the labelling job: those that all workloads share, and those that each adds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, configure, subcommand

from jobs._reader_options import DigitReaderOptions, FormReaderOptions, ReaderOptions
from pipelines.errors import UsageError
from pipelines.files.places import absolute_place, check_apart
from pipelines.labeling.delta_table import check_available
from pipelines.labeling.forms.labeler import Overlays, PictureOptions
from pipelines.labeling.forms.pages import list_scans
from pipelines.labeling.inputs import ListedInput, list_input
from pipelines.labeling.run import LabelingRequest
from pipelines.labeling.workload import Workload
from pipelines.models.folder import ModelFolder


@dataclass(frozen=True, kw_only=True)
class Options(ReaderOptions):
    """The options that all workloads share."""

    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    """The file format of the rows."""
    table: Literal["files", "delta"] = "files"
    """What the rows are in the end: files of a data set, or delta: a Delta Lake table, too."""
    deadline: float = 600
    """The seconds after which a shard of the input is abandoned and its items are tried one by one."""
    update: bool = False
    """Read only what is new or changed in the input since the run was finished, and replace what changed."""
    fresh: bool = False
    """Start over and delete the rows of an earlier run."""
    progress: Literal["text", "json"] = "text"
    """How progress is told: in words, or as json: a line for each event, with the summary in the last."""
    fail_on_error: bool = False
    """Exit with 1 instead of 3 if any item could not be read."""

    def check(self) -> None:
        super().check()
        if self.deadline <= 0:
            raise UsageError(f"--deadline is {self.deadline:g}; it must be above 0.")
        if self.update and self.fresh:
            raise UsageError("--update goes on with what was read before, and --fresh drops it; leave one of the two.")
        if self.table == "delta":
            check_available(self.format)


@dataclass(frozen=True, kw_only=True)
class LabelDigits(DigitReaderOptions, Options):
    """Label a folder of images of single digits, and write a table with one row per image.

    inkray label digits scans/ labels/

    Exit code 0: success; 3: finished, but some items could not be read (each has a row with the reason);
    1: failed, run it again to continue; 2: wrong usage.
    """

    input: Positional[Annotated[str, arg(metavar="INPUT")]]
    """A folder of images, a pattern like 'scans/**/*.png', parquet, IDX, zip or tar: a path or URI (s3://, gs://)."""
    output: Positional[Annotated[str, arg(metavar="OUTPUT")]]
    """The folder for rows, summary and report, visible to every node, or a URI (s3://, gs://, az://). Run again, the
    job continues where it stopped."""
    column: str | None = None
    """The column of images in parquet; needed only if it is ambiguous."""
    uri_column: str | None = None
    """The column of parquet that names images, by URIs or by paths beside the table, where no column holds them."""
    keep_columns: Annotated[str | None, arg(metavar="A,B")] = None
    """Columns of the parquet that are passed through to the rows."""

    def workload(self, models: Sequence[ModelFolder]) -> Workload[Any]:
        return self.digit_workload(models)

    def listed(self, output: Path | None) -> ListedInput:
        """The items to label, except for files of the output if it lies within the input."""
        return list_input(self.input, self.column, output, self.uri_column, names_in(self.keep_columns))


@dataclass(frozen=True, kw_only=True)
class LabelForms(FormReaderOptions, Options):
    """Read a folder of scanned forms by a template, and write a table with one row per field of each page.

    inkray label forms scans/ labels/ --template form.yaml

    Exit code 0: success; 3: finished, but some pages could not be read (each has a row with the reason);
    1: failed, run it again to continue; 2: wrong usage.
    """

    input: Positional[Annotated[str, arg(metavar="SCANS")]]
    """A folder of scans (PNG, JPEG, TIFF, BMP, WebP, PDF; any number of pages), or a pattern like 'scans/**/*.pdf',
    as a path or a URI (s3://, gs://)."""
    output: Positional[Annotated[str, arg(metavar="OUTPUT")]]
    """The folder for rows, wide.csv, report and overlays, visible to every node, or a URI (s3://, gs://, az://). Run
    again, the job continues where it stopped."""
    uri_column: str | None = None
    """The column of parquet that names scans, by URIs or by paths beside the table, where SCANS is such a table."""
    keep_columns: Annotated[str | None, arg(metavar="A,B")] = None
    """Columns of that table that are passed through to the rows."""
    overlays: Overlays = "review"
    """Which pages to save as pictures with the readings drawn on them: all, those to review, or none."""
    crops: bool = False
    """Save a picture of every field and of its cells."""

    def workload(self, models: Sequence[ModelFolder]) -> Workload[Any]:
        return self.form_workload(models, PictureOptions(self.overlays, self.crops))

    def listed(self, output: Path | None) -> ListedInput:
        """The pages to read, except for files of the output if it lies within the input."""
        keep = names_in(self.keep_columns)
        return list_scans(self.input, self.templates(), self.limits(), output, self.uri_column, keep)


def names_in(text: str | None) -> list[str]:
    """The names that an option has, with commas between them."""
    names = [] if text is None else [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(f"--keep-columns is {text!r}; it must name columns, each once, with commas between them.")
    return names


@configure(OmitArgPrefixes, OmitSubcommandPrefixes)
@dataclass(frozen=True)
class Label:
    """Read a folder of images or of scanned forms in bulk, and write a table.

    inkray label digits scans/ labels/

    inkray label forms scans/ labels/ --template form.yaml
    """

    what: Annotated[LabelDigits, subcommand("digits")] | Annotated[LabelForms, subcommand("forms")]


def labeling_request(what: LabelDigits | LabelForms) -> LabelingRequest:
    """Check the options, open the models, and build the request."""
    started = time.time()
    what.check()
    models = what.models()
    workload = what.workload(models)
    output = absolute_place(what.output)
    check_apart(output, what.input)
    return LabelingRequest(
        workload=workload,
        input=what.input,
        list_input=partial(what.listed, None if "://" in output else Path(output)),
        readers=what.readers(models),
        output=output,
        format=what.format,
        deadline=what.deadline,
        delta=what.table == "delta",
        update=what.update,
        fresh=what.fresh,
        started=started,
    )
