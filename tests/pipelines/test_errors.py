from __future__ import annotations

import math
import pickle

import pytest

from pipelines import errors
from pipelines.errors import InkrayError, UnknownName, UsageError, check_range, first_line


def test_only_a_usage_error_exits_2() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 10
    for kind in kinds:
        assert issubclass(kind, InkrayError)
        assert kind.exit_code == (2 if issubclass(kind, UsageError) else 1)


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("lenet", ["mlp3", "lenet5"], "There is no network 'lenet'; known: lenet5, mlp3. Did you mean 'lenet5'?"),
        ("zebra", ["mlp3", "lenet5"], "There is no network 'zebra'; known: lenet5, mlp3."),
        ("zebra", [], "There is no network 'zebra'; known: none."),
    ],
)
def test_an_unknown_name_is_told_the_known_ones(name: str, known: list[str], message: str) -> None:
    # An iterator, since whoever asks may have no list at hand.
    assert str(UnknownName("network", name, iter(known))) == message


def test_an_error_keeps_its_option_on_its_way_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(UsageError("A batch of 3 is too small.", option="batch")))
    assert (str(error), error.option) == ("A batch of 3 is too small.", "batch")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("\nThe graph is cut.\nSee the guide."), "The graph is cut"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("libcuda.so: cannot open shared object file"), "libcuda.so: cannot open shared object file"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_of_what_a_library_said_the_first_line_is_told(error: Exception, line: str) -> None:
    assert first_line(error) == line


@pytest.mark.parametrize(
    ("value", "bounds", "expected"),
    [
        (0, {"at_least": 1}, "at least 1"),
        (0.0, {"above": 0}, "above 0"),
        (1.0, {"at_least": 0, "below": 1}, "at least 0 and below 1"),
        (1.5, {"at_least": 0, "at_most": 1}, "at least 0 and at most 1"),
        (math.nan, {"above": 0}, "above 0"),
        (math.inf, {"at_least": 0}, "at least 0"),
    ],
)
def test_a_value_out_of_its_bounds_is_refused_by_name(value: float, bounds: dict[str, float], expected: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_range("label_smoothing", value, **bounds)
    assert str(refused.value) == f"label_smoothing is {value:g}; it must be {expected}."
    assert refused.value.option == "label_smoothing"


@pytest.mark.parametrize("value", [None, 0, 0.5, 1])
def test_a_value_within_its_bounds_and_one_not_given_are_taken(value: float | None) -> None:
    check_range("validation", value, at_least=0, at_most=1)
