"""What jobs refuse before any Ray starts: the exit code and the words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.in_process import RunJob

Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused(run_job: RunJob) -> Refused:
    """What training with these options ends with."""
    return _refuser(run_job, "train.py")


@pytest.fixture
def not_labelled(run_job: RunJob) -> Refused:
    """What labelling with these options ends with."""
    return _refuser(run_job, "label.py")


def _refuser(run_job: RunJob, job: str) -> Refused:
    def refuse(*arguments: object) -> tuple[int, str]:
        ended = run_job(job, *arguments)
        return ended.returncode, ended.stderr

    return refuse
