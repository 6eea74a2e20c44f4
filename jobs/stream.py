#!/usr/bin/env python
"""Read an endless source of images or of scanned forms, and write each item's rows exactly once."""

from __future__ import annotations

import sys

from jobs._cli import run
from jobs._console import open_console
from jobs._stream_options import Stream, stream_request
from pipelines.streaming.driver import StreamListener
from pipelines.streaming.lines import StatusLines, StatusObjects
from pipelines.streaming.run import read_stream

GRACE_S = 9.5
"""Seconds after SIGTERM: 5 for what is under way, and the rest for Ray to end."""


def main(options: Stream) -> None:
    read_stream(stream_request(options.what), listener(options.what.progress))


def listener(progress: str) -> StreamListener:
    return StatusObjects(sys.stdout) if progress == "json" else StatusLines(open_console(markup=False))


def command() -> None:
    run(Stream, main, grace=GRACE_S)


if __name__ == "__main__":
    command()
