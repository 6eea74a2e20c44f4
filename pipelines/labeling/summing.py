"""What needs all rows, done for one group of shards after the other, by tasks where there are several groups.

The driver holds the sums of what came before, and one result more: its memory does not grow with the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.run_folder import Group, LabelingRunFolder
from pipelines.labeling.summary import Tally

R = TypeVar("R")


def of_each(do: Callable[[Group], R], groups: Sequence[Group], spread: Spread) -> Iterator[R]:
    """`do` of each group, in order; of a single one here, which spares it the way to a task."""
    return map(do, groups) if len(groups) < 2 else spread(do, groups)


def total(tally: Callable[[LabelingRunFolder, Group], Tally], folder: LabelingRunFolder, spread: Spread) -> Any:
    """The counts of the whole run, from its rows alone."""
    whole = tally(folder, Group())
    for part in of_each(partial(tally, folder), folder.groups(), spread):
        whole.merge(part)
    return whole
