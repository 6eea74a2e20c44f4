"""The options of all jobs that read items with actors, and those that forms add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import UseAppendAction, arg

from pipelines.documents.limits import Limits
from pipelines.errors import UnknownName, UsageError
from pipelines.forms.template import Template
from pipelines.forms.templates.loading import load_templates
from pipelines.inference.engines.opening import OPENERS
from pipelines.inference.line_recognizer import open_line_model
from pipelines.inference.second_opinion import Asked, is_asked
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.forms.labeler import LineModel, PictureOptions
from pipelines.labeling.forms.pages import LEAST_DPI, MOST_DPI
from pipelines.labeling.forms.workload import FormWorkload
from pipelines.labeling.gpus import check_gpus
from pipelines.labeling.readers import Readers
from pipelines.models.folder import ModelFolder, open_model
from pipelines.models.store import ModelStore
from pipelines.models.version import BUILTIN_LINES
from pipelines.ray_runtime.nodes import GPUS_TO_BE_HAD, can_be_had


@dataclass(frozen=True, kw_only=True)
class ReaderOptions:
    """With what is read, and by how many."""

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
    min_actors: int | None = None
    """The minimum number of readers; by default 1."""
    max_actors: int | None = None
    """The maximum number of readers; by default as many as fit into the free resources, and more when nodes join."""
    threads: int | None = None
    """The threads of each reader; by default 1, and for digits in bulk the node's CPUs, at most 4."""
    gpus_per_actor: float | None = None
    """The GPUs of each reader: a share such as 0.25 puts four readers on one GPU, and 0 means the CPU. By default the
    readers share the GPUs that are free, at most four to a GPU; if there are none, they read on the CPU."""
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
            ("accept-above", self.accept_above, 0 <= (self.accept_above or 0) <= 1, "from 0 to 1"),
        ):
            if not sensible:
                raise UsageError(f"--{name} is {value:g}; it must be {expected}.")
        check_gpus(self.engine, gpus)

    def models(self) -> list[ModelFolder]:
        """The models that read; the one for single digits comes first."""
        return [open_model(self.model, self.store_of_models())]

    def readers(self, models: Sequence[ModelFolder]) -> Readers:
        return Readers(
            models=models,
            engine=self.engine,
            precision=self.precision,
            accept_above=self.accept_above,
            threads=self.threads,
            gpus_per_actor=self.gpus_per_actor,
            min_actors=self.min_actors,
            max_actors=self.max_actors,
            store=self.store,
        )

    def store_of_models(self) -> ModelStore | None:
        return ModelStore(self.store) if self.store else None


@dataclass(frozen=True, kw_only=True)
class DigitReaderOptions(ReaderOptions):
    """How single digits are read."""

    second_opinion: Asked = "auto"
    """Whether the model of lines reads what the model is unsure of, such as digits with parts of others beside them:
    always, never, or auto: with the model builtin."""

    def digit_workload(self, models: Sequence[ModelFolder]) -> DigitWorkload:
        asked = is_asked(self.second_opinion, models[0])
        return DigitWorkload(open_line_model(BUILTIN_LINES).digest if asked else None)


@dataclass(frozen=True, kw_only=True)
class FormReaderOptions(ReaderOptions):
    """Which forms are read, and how their scans are opened."""

    template: UseAppendAction[tuple[Annotated[Path, arg(metavar="FORM.yaml")], ...]] = field(default=())
    """The form's template, which `inkray template` drafts. Given several times, each page is matched to one of them."""
    lines: Annotated[str, arg(metavar="NAME[:VERSION]")] = BUILTIN_LINES
    """The model that reads numbers written without cells; its network must be lines."""
    dpi: int = 200
    """The resolution at which PDF pages are rendered; other scans keep their own."""
    page_seconds: float = 30
    """The maximum seconds to open a scan, and each of its pages; one that takes longer becomes an error row."""

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

    def templates(self) -> list[Template]:
        return list(load_templates(self.template))

    def limits(self) -> Limits:
        return Limits(self.dpi, seconds=self.page_seconds)

    def form_workload(self, models: Sequence[ModelFolder], pictures: PictureOptions) -> FormWorkload:
        _, lines = models
        accept_above = lines.accepted_above if self.accept_above is None else self.accept_above
        line_model = LineModel(lines.reference, lines.digest, accept_above)
        return FormWorkload(self.templates(), pictures, line_model)
