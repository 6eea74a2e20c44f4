"""The options of the labelling job: those that all workloads share, and those that each adds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, UseAppendAction, arg, configure, subcommand

from pipelines.documents.limits import Limits
from pipelines.errors import UnknownName, UsageError
from pipelines.files.places import absolute_place, check_apart
from pipelines.forms.templates.loading import load_templates
from pipelines.inference.engines.opening import OPENERS
from pipelines.inference.line_recognizer import open_line_model
from pipelines.labeling.delta_table import check_available
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.forms.labeler import LineModel, Overlays, PictureOptions
from pipelines.labeling.forms.pages import LEAST_DPI, MOST_DPI, list_scans
from pipelines.labeling.forms.workload import FormWorkload
from pipelines.labeling.gpus import check_gpus
from pipelines.labeling.inputs import ListedInput, list_input
from pipelines.labeling.run import LabelingRequest
from pipelines.labeling.workload import Workload
from pipelines.models.folder import ModelFolder, open_model
from pipelines.models.store import ModelStore
from pipelines.models.version import BUILTIN_LINES
from pipelines.ray_runtime.nodes import GPUS_TO_BE_HAD, can_be_had


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that all workloads share."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")] = "builtin"
    """The model in the store: its newest version, or the one with this number or alias. builtin comes with inkray."""
    engine: str = "auto"
    """The engine that runs the model: auto, openvino, onnxruntime, onnxruntime-cuda, onnxruntime-tensorrt, tensorrt,
    tensorrt_rtx, torch_cuda or pytorch."""
    precision: str = "auto"
    """The engine's precision: auto, fp32, bf16, fp16 or int8; the engine must support it and the model must have it."""
    accept_above: float | None = None
    """Readings below this confidence get the status review. By default it is the confidence above which the model read
    99.9 % of its test images correctly; without enough test images, all readings are ok."""
    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    """The file format of the rows."""
    table: Literal["files", "delta"] = "files"
    """What the rows are in the end: files of a data set, or delta: a Delta Lake table, too."""
    min_actors: int | None = None
    """The minimum number of readers; by default 1."""
    max_actors: int | None = None
    """The maximum number of readers; by default as many as fit into the free resources, and more when nodes join."""
    threads: int | None = None
    """The threads of each reader; by default 1 for forms, and for digits the node's CPUs, at most 4."""
    gpus_per_actor: float | None = None
    """The GPUs of each reader: a share such as 0.25 puts four readers on one GPU, and 0 means the CPU. By default the
    readers share the GPUs that are free, at most four to a GPU; if there are none, they read on the CPU."""
    deadline: float = 600
    """The seconds after which a shard of the input is abandoned and its items are tried one by one."""
    fresh: bool = False
    """Start over and delete the rows of an earlier run."""
    progress: Literal["text", "json"] = "text"
    """How progress is told: in words, or as json: a line for each event, with the summary in the last."""
    fail_on_error: bool = False
    """Exit with 1 instead of 3 if any item could not be read."""
    store: str | None = None
    """The model store; by default INKRAY_STORE, else ~/inkray/store."""

    def check(self) -> None:
        if self.engine not in ("auto", *OPENERS):
            raise UnknownName("engine", self.engine, ["auto", *OPENERS])
        least, most, gpus = self.min_actors or 1, self.max_actors, self.gpus_per_actor
        if most is not None and least > most:
            raise UsageError(f"--min-actors {least} is more than --max-actors {most}.")
        for name, value, sensible, expected in (
            ("min-actors", self.min_actors, self.min_actors is None or self.min_actors >= 1, "at least 1"),
            ("max-actors", self.max_actors, self.max_actors is None or self.max_actors >= 1, "at least 1"),
            ("threads", self.threads, self.threads is None or self.threads >= 1, "at least 1"),
            ("gpus-per-actor", gpus, gpus is None or can_be_had(gpus), GPUS_TO_BE_HAD),
            ("deadline", self.deadline, self.deadline > 0, "above 0"),
            ("accept-above", self.accept_above, 0 <= (self.accept_above or 0) <= 1, "from 0 to 1"),
        ):
            if not sensible:
                raise UsageError(f"--{name} is {value:g}; it must be {expected}.")
        check_gpus(self.engine, gpus)
        if self.table == "delta":
            check_available(self.format)

    def models(self) -> list[ModelFolder]:
        """The models that read; the one for single digits comes first."""
        return [open_model(self.model, self.store_of_models())]

    def store_of_models(self) -> ModelStore | None:
        return ModelStore(self.store) if self.store else None


@dataclass(frozen=True, kw_only=True)
class LabelDigits(Options):
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

    def workload(self, models: Sequence[ModelFolder]) -> Workload[Any]:
        return DigitWorkload()

    def listed(self, output: Path | None) -> ListedInput:
        """The items to label, except for files of the output if it lies within the input."""
        return list_input(self.input, self.column, output, self.uri_column)


@dataclass(frozen=True, kw_only=True)
class LabelForms(Options):
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
    template: UseAppendAction[tuple[Annotated[Path, arg(metavar="FORM.yaml")], ...]] = field(default=())
    """The form's template, which `inkray template` drafts. Given several times, each page is matched to one of them."""
    uri_column: str | None = None
    """The column of parquet that names scans, by URIs or by paths beside the table, where SCANS is such a table."""
    lines: Annotated[str, arg(metavar="NAME[:VERSION]")] = BUILTIN_LINES
    """The model that reads numbers written without cells; its network must be lines."""
    dpi: int = 200
    """The resolution at which PDF pages are rendered; other scans keep their own."""
    page_seconds: float = 30
    """The maximum seconds to open a scan, and each of its pages; one that takes longer becomes an error row."""
    overlays: Overlays = "review"
    """Which pages to save as pictures with the readings drawn on them: all, those to review, or none."""
    crops: bool = False
    """Save a picture of every field and of its cells."""

    def check(self) -> None:
        super().check()
        if not self.template:
            raise UsageError("Which form? Name its template with --template FORM.yaml; `inkray template` drafts one.")
        if not LEAST_DPI <= self.dpi <= MOST_DPI:
            raise UsageError(f"--dpi is {self.dpi}; it must be from {LEAST_DPI} to {MOST_DPI}.")
        if self.page_seconds <= 0:
            raise UsageError(f"--page-seconds is {self.page_seconds:g}; it must be above 0.")

    def models(self) -> list[ModelFolder]:
        return [*super().models(), open_line_model(self.lines, self.store_of_models())]

    def workload(self, models: Sequence[ModelFolder]) -> Workload[Any]:
        _, lines = models
        accept_above = lines.accepted_above if self.accept_above is None else self.accept_above
        line_model = LineModel(lines.reference, lines.digest, accept_above)
        return FormWorkload(load_templates(self.template), PictureOptions(self.overlays, self.crops), line_model)

    def listed(self, output: Path | None) -> ListedInput:
        """The pages to read, except for files of the output if it lies within the input."""
        limits = Limits(self.dpi, seconds=self.page_seconds)
        return list_scans(self.input, load_templates(self.template), limits, output, self.uri_column)


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
        models=models,
        output=output,
        format=what.format,
        engine=what.engine,
        precision=what.precision,
        accept_above=what.accept_above,
        threads=what.threads,
        gpus_per_actor=what.gpus_per_actor,
        min_actors=what.min_actors,
        max_actors=what.max_actors,
        deadline=what.deadline,
        store=what.store,
        delta=what.table == "delta",
        fresh=what.fresh,
        started=started,
    )
