"""Filled-in forms read by their templates in a call: for programs that hold a file at a time, and not for bulk."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from pipelines.documents.limits import DEFAULT_LIMITS, Limits
from pipelines.documents.pool import DocumentPool
from pipelines.errors import DataError, UsageError, first_line
from pipelines.forms.pipeline import read_document
from pipelines.forms.results import Acceptance, PageResult
from pipelines.forms.templates.loading import load_templates
from pipelines.inference.line_recognizer import LineRecognizer
from pipelines.inference.recognizer import Recognizer
from pipelines.models.version import BUILTIN, BUILTIN_LINES


class FormReader(AbstractContextManager["FormReader"]):
    """Reads scans and PDFs of the forms whose templates it was given; the models are loaded once, by the constructor.

    Each page is read by whichever of the templates fits it. That a page occurs twice or is missing from its form is
    noticed in bulk alone.
    """

    def __init__(
        self,
        *templates: str | Path,
        model: str | Path = BUILTIN,
        lines: str | Path = BUILTIN_LINES,
        accept_above: float | None = None,
        threads: int | None = None,
        store: str | Path | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """`accept_above` is the confidence from which a field is ok; by default, each model's own."""
        if not templates:
            raise UsageError("A form is read by its template; name the YAML file of at least one.")
        self._templates = load_templates(templates)
        with ExitStack() as opening:
            self._recognizer = opening.enter_context(Recognizer(model, threads=threads, store=store))
            self._lines = LineRecognizer(lines, threads, store)
            self._accept = Acceptance.by(accept_above, self._recognizer.accepted_above, self._lines.accepted_above)
            self._documents = opening.enter_context(DocumentPool(limits=limits))
            self._held = opening.pop_all()

    def read(self, file: str | Path | bytes, name: str = "the document") -> list[PageResult]:
        """Every page of a scan or PDF; one that cannot be read says why. `name` is what bytes are called there."""
        if not isinstance(file, bytes):
            file, name = _content(Path(file)), str(file)
        with self._documents.open(file, name) as document:
            return read_document(document, name, self._templates, self._recognizer, self._lines, self._accept)

    def close(self) -> None:
        self._held.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {first_line(error)}.") from error
