"""Errors of ours that a task raised are told as they are, whatever Ray wraps them in."""

from __future__ import annotations

from ray.exceptions import RayTaskError

from pipelines.errors import UsageError
from pipelines.labeling.spread import of_ours


def test_an_error_of_ours_is_found_within_that_of_ray_with_its_option() -> None:
    error = UsageError("There is no column x.", option="column")
    wrapped = RayTaskError("do", "a long stack trace", error).as_instanceof_cause()
    assert isinstance(wrapped, UsageError) and of_ours(wrapped) is error


def test_any_other_error_is_none_of_ours() -> None:
    assert of_ours(RayTaskError("do", "a long stack trace", ValueError("odd")).as_instanceof_cause()) is None
