"""Failures of a run in one sentence."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.errors import InkrayError
from pipelines.labeling.run_folder import LabelingRunFolder
from pipelines.ray_runtime.failures import a_process_died, cause_chain
from pipelines.ray_runtime.last_words import last_words


@contextmanager
def errors_in_words(folder: LabelingRunFolder) -> Iterator[None]:
    try:
        yield
    except InkrayError:
        raise
    except Exception as error:
        raise as_inkray_error(error, folder) from error


def as_inkray_error(error: BaseException, folder: LabelingRunFolder, why: str | None = None) -> InkrayError:
    """The cause of a failure in one sentence; Ray reports it as a stack trace with the cause somewhere inside."""
    for one in cause_chain(error):
        if isinstance(one, InkrayError):
            return one
    if a_process_died(error) and (said := why or last_words()):
        return InkrayError(f"{said} What was written is kept: start the same run again to go on.")
    text = str(error)
    if os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text:
        return InkrayError(
            f"There is no space left for {folder.place.shown}. What was written is kept: free some space, and "
            "start the same run again."
        )
    if ours := re.findall(rf"^{re.escape(InkrayError.__module__)}\.\w+: (.+)$", text, re.MULTILINE):
        return InkrayError(ours[-1])
    causes = re.findall(r"^(\w+(?:\.\w+)*(?:Error|Exception): .+)$", text, re.MULTILINE)
    last = causes[-1] if causes else (text.strip().splitlines() or [type(error).__name__])[-1]
    return InkrayError(
        f"Labelling failed: {last.rstrip('.')}. What was written is kept: start the same run again to go on."
    )
