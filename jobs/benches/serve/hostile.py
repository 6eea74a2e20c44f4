"""How files made to hang, crash or fill a server slow down the callers who send digits meanwhile."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import httpx
from rich.table import Table
from tyro.conf import arg

from jobs._console import open_console
from jobs.benches.serve.hostile_files import endless_tree, image_bomb, large_picture, long_stream
from jobs.benches.serve.load import Server, listening, scripts
from jobs.benches.serve.overload import probing, watched
from pipelines.files.atomic import write_json

TEMPLATE = """
name: any
size: [210, 297]
register: {by: none}
fields:
  - {name: code, kind: digits, box: [20, 40, 40, 10], cells: 4}
"""
FORMS, STRINGS, DIGITS = "/v1/forms", "/v1/strings", "/v1/digits"
ANSWER_S = 120.0
REST_S = 3.0
"""Seconds after the last answer, for the last look at the memory."""


@dataclass(frozen=True)
class Found:
    file: str
    kib: float
    answers: dict[str, int]
    longest_answer_s: float
    slowest_digit_ms: float
    digits_unanswered: int
    replica_mib_at_most: int
    replica_mib_after: int


@dataclass(frozen=True)
class HostileBench:
    """Send files made to hang, crash or fill the server, and measure how long a digit takes meanwhile."""

    model: Annotated[str, arg(metavar="NAME[:VERSION]")] = "builtin"
    times: int = 20
    """How many times each file is sent."""
    concurrency: int = 4
    """How many copies of a file are sent at once."""
    json: Annotated[Path | None, arg(metavar="FILE")] = None

    def run(self) -> None:
        with tempfile.TemporaryDirectory() as scratch, listening("inkray", self.model) as server:
            picture = scripts(Path(scratch))[0].with_suffix("")
            found = [self._measure(server, picture, name, path, content) for (name, path), content in files().items()]
        open_console().print(_table(found))
        write_json(self.json, [asdict(one) for one in found])

    def _measure(self, server: Server, picture: Path, name: str, path: str, content: bytes) -> Found:
        def send(_: int) -> tuple[str, float]:
            started = time.perf_counter()
            inline = {"inline": TEMPLATE} if path == FORMS else {}
            answer = httpx.post(server.url + path, files={"file": ("a", content)}, data=inline, timeout=ANSWER_S)
            return str(answer.status_code), time.perf_counter() - started

        with (
            watched(server.tag) as mib,
            probing(f"{server.url}/v1/digits", picture) as probe,
            ThreadPoolExecutor(self.concurrency) as callers,
        ):
            answers = list(callers.map(send, range(self.times)))
            time.sleep(REST_S)
        return Found(
            f"{name}, to {path}",
            len(content) / 1024,
            dict(Counter(status for status, _ in answers)),
            max(seconds for _, seconds in answers),
            1000 * max(one.seconds for one in probe.answers),
            sum(one.status != 200 for one in probe.answers),
            max(mib),
            mib[-1],
        )


def files() -> Mapping[tuple[str, str], bytes]:
    """The files, each under its name and the route that it is sent to."""
    documents = {
        "PDF, page tree without end": endless_tree(),
        "PDF, content of 360 MB": long_stream(),
        "PDF, one image 200 times": image_bomb(),
    }
    pictures = {
        "PNG, 50 million pixels, RGBA": large_picture(7070, 7070, "RGBA"),
        "PNG, one pixel wide": large_picture(1, 49_000_000),
    }
    to_forms = zip(documents, itertools.repeat(FORMS))
    to_all = itertools.product(pictures, (DIGITS, STRINGS, FORMS))
    return {(name, path): (documents | pictures)[name] for name, path in itertools.chain(to_forms, to_all)}


def _table(found: list[Found]) -> Table:
    table = Table("file", "KiB", "answers", "slowest answer s", "slowest digit ms", "peak MiB", "MiB after")
    for one in found:
        statuses = ", ".join(f"{count} x {status}" for status, count in one.answers.items())
        unanswered = f", {one.digits_unanswered} unanswered" if one.digits_unanswered else ""
        table.add_row(
            one.file,
            f"{one.kib:,.0f}",
            statuses,
            f"{one.longest_answer_s:.1f}",
            f"{one.slowest_digit_ms:,.0f}{unanswered}",
            str(one.replica_mib_at_most),
            str(one.replica_mib_after),
        )
    return table
