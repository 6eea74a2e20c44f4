"""A labelling run from its first look at the input to its report, seen from the driver."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from pipelines.errors import InkrayError
from pipelines.labeling.deaths import RESTARTS, a_process_died, chain
from pipelines.labeling.inputs.base import Found
from pipelines.labeling.isolation import Isolation
from pipelines.labeling.memory import peak_mib
from pipelines.labeling.pipeline import Orders, PartDone, run_pipeline
from pipelines.labeling.room import what_is_left
from pipelines.nodes import all_nodes


class Watch(Protocol):
    """Who is told how a run goes."""

    def line(self, text: str) -> None: ...

    def part(self, done: PartDone) -> None: ...


@dataclass(frozen=True)
class Work:
    orders: Orders
    found: Found


def label(work: Work, watch: Watch) -> int:
    """Label every part that is not done; how many items that were."""
    labelled = in_vain = 0
    orders, folder = work.orders, work.orders.folder
    while True:
        before = folder.done()
        pending = [stretch for stretch in work.found.stretches if set(stretch.parts) - before]
        if not pending:
            return labelled
        try:
            for done in run_pipeline(orders, pending):
                labelled += done.items
                watch.part(done)
        except Exception as error:
            if not a_process_died(error):
                raise _told(error, work) from error
            orders = replace(orders, room=what_is_left(orders.room, all_nodes()))
            with _in_words(work):
                alone = list(_label_alone(work, watch))
            labelled += sum(done.items for done in alone)
            in_vain = in_vain + 1 if not alone and folder.done() == before else 0
            if in_vain > RESTARTS:
                raise _told(error, work) from error


def _label_alone(work: Work, watch: Watch) -> Iterator[PartDone]:
    suspects = work.orders.folder.left_under_way()
    isolation = Isolation(work.orders)
    if suspects:
        watch.line(f"processes died in {len(suspects)} parts: looking at those alone")
    try:
        for stretch in work.found.stretches:
            for part in sorted(suspects & set(stretch.parts)):
                done = isolation.label(stretch, part)
                watch.part(done)
                yield done
    finally:
        isolation.close()


@contextmanager
def _in_words(work: Work) -> Iterator[None]:
    try:
        yield
    except InkrayError:
        raise
    except Exception as error:
        raise _told(error, work) from error


def _told(error: BaseException, work: Work) -> InkrayError:
    """What went wrong in one sentence; Ray tells it as a stack trace with the cause somewhere in it."""
    for one in chain(error):
        if isinstance(one, InkrayError):
            return one
    text = str(error)
    if os.strerror(errno.ENOSPC) in text or os.strerror(errno.EDQUOT) in text:
        return InkrayError(
            f"There is no space left for {work.orders.folder.path}. What was written is kept: make room, and start the "
            "same run again."
        )
    causes = re.findall(r"^(?:pipelines\.errors\.)?(\w+(?:\.\w+)*(?:Error|Exception): .+)$", text, re.MULTILINE)
    last = causes[-1] if causes else (text.strip().splitlines() or [type(error).__name__])[-1]
    return InkrayError(
        f"Labelling failed: {last.rstrip('.')}. What was written is kept: start the same run again to go on."
    )


def sum_up(work: Work, told: dict[str, Any], items_this_time: int, started: float) -> dict[str, Any]:
    """Check that every item has its rows, and write summary and report."""
    with _in_words(work):
        return _summed_up(work, told, items_this_time, started)


def _summed_up(work: Work, told: dict[str, Any], items_this_time: int, started: float) -> dict[str, Any]:
    kind, folder = work.orders.kind, work.orders.folder
    kind.settle(folder)
    found = kind.tally(folder)
    if found.items != work.found.count:
        raise InkrayError(
            f"{folder.path} has rows of {found.items:,} items, and there are {work.found.count:,}: the input changed "
            "while it was read, or rows were taken away. Start over with --fresh."
        )
    seconds = time.time() - started
    summary = {
        **told,
        **found.as_dict(),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "items_this_time": items_this_time,
        f"{kind.items}_per_second": round(items_this_time / seconds, 2),
        "driver_memory_mib": peak_mib(),
    }
    folder.finish(summary, kind.report(folder, summary, found))
    return summary
