#!/usr/bin/env python
"""Read a folder of images or of scanned forms in bulk, and write a table."""

from __future__ import annotations

import sys
from typing import Literal

from jobs._cli import run
from jobs._console import open_console
from jobs._label_options import Label, labeling_request
from pipelines.inference.outcome import Status
from pipelines.labeling.progress import LabelingDisplay
from pipelines.labeling.progress_lines import ProgressLines
from pipelines.labeling.run import ProgressListener, read_in_bulk

FINISHED_WITH_ERRORS = 3


def main(options: Label) -> None:
    summary = read_in_bulk(labeling_request(options.what), listener(options.what.progress))
    if summary["status"].get(Status.ERROR):
        sys.exit(1 if options.what.fail_on_error else FINISHED_WITH_ERRORS)


def listener(progress: Literal["text", "json"]) -> ProgressListener:
    return ProgressLines(sys.stdout) if progress == "json" else LabelingDisplay(open_console(markup=False))


def command() -> None:
    run(Label, main)


if __name__ == "__main__":
    command()
